import { NetworkError, type Failure } from "@darkbloom/protocol/failures";
import type { AccountId, JobId, ProviderId } from "@darkbloom/protocol/ids";
import { seededRandom, settle, SimulatedClock } from "@darkbloom/testkit";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Fleet } from "./fleet.ts";
import { SampleMember, wantOf } from "./members.samples.ts";
import type { Line, MachineView } from "./ports.ts";
import { SLOT_WAIT_MS, Slots } from "./slots.ts";

/** A machine that is hosted elsewhere: whether it has a slot is said later, in the test's own time. */
class FarMachine extends SampleMember {
  readonly #told = new Map<JobId, (said: Line | "full") => void>();
  readonly #taken = new Map<JobId, Line | "full">();

  /** Who waits for its word, in the order of asking. */
  get asked(): JobId[] {
    return [...this.#told.keys()];
  }

  override async reserve(jobId: JobId): Promise<Line | "full"> {
    const told = Promise.withResolvers<Line | "full">();
    this.#told.set(jobId, told.resolve);
    void super.reserve(jobId).then((taken) => void this.#taken.set(jobId, taken));
    return told.promise;
  }

  async grant(jobId: JobId): Promise<void> {
    await settle();
    this.#say(jobId, this.#taken.get(jobId) ?? "full");
    await settle();
  }

  /** Its view says so too, until it becomes another. */
  async refuse(jobId: JobId): Promise<void> {
    await settle();
    this.lines.splice(this.lines.indexOf(jobId), 1);
    this.become({ running: this.view.slots });
    this.#say(jobId, "full");
    await settle();
  }

  #say(jobId: JobId, said: Line | "full"): void {
    this.#told.get(jobId)?.(said);
    this.#told.delete(jobId);
    this.#taken.delete(jobId);
  }
}

let clock: SimulatedClock;
let fleet: Fleet;
let slots: Slots;
let jobs = 0;

beforeEach(() => {
  clock = new SimulatedClock();
  fleet = new Fleet(queueMicrotask);
  slots = new Slots(fleet, clock, seededRandom(1));
});

function far(name: string, more: Partial<MachineView> = {}) {
  const machine = new FarMachine(fleet, name, { slots: 1, ...more });
  return { machine, joined: fleet.join(machine) };
}

function near(name: string, more: Partial<MachineView> = {}): SampleMember {
  const machine = new SampleMember(fleet, name, { slots: 1, ...more });
  fleet.join(machine);
  return machine;
}

interface Asked {
  readonly jobId: JobId;
  readonly hangUp: AbortController;
  got?: ProviderId;
  failure?: Failure | string;
}

function ask(account = "a"): Asked {
  const asked: Asked = { jobId: `job${jobs++}` as JobId, hangUp: new AbortController() };
  const request = { want: wantOf(), tried: new Set<ProviderId>(), jobId: asked.jobId, bytes: 1 };
  void slots.acquire({ ...request, account: account as AccountId }, asked.hangUp.signal).then(
    (line) => void (asked.got = line.providerId),
    (error: unknown) => void (asked.failure = error instanceof NetworkError ? error.failure : String(error)),
  );
  return asked;
}

/** Goal: what a machine says later than it is asked costs nobody a slot, a place or a turn. Method: one row for each way in which it can go. */
describe("a machine that is asked for a slot", () => {
  it("is asked for no more than it has, and serves who was granted one", async () => {
    const { machine } = far("p1");
    const [first, second] = [ask(), ask()];
    expect([machine.asked, slots.waiting]).toEqual([[first.jobId], 1]);
    await machine.grant(first.jobId);
    expect([first.got, second.got, machine.asked]).toEqual(["p1", undefined, []]);
  });

  it("says that it is full: the next best is asked, in the same breath", async () => {
    const { machine } = far("p1");
    const asked = ask();
    near("p2");
    await machine.refuse(asked.jobId);
    expect([asked.got, asked.failure, slots.waiting]).toEqual(["p2", undefined, 0]);
  });

  it("says that it is full to one who has left: no other is asked for them", async () => {
    const { machine } = far("p1");
    const asked = ask();
    await settle();
    asked.hangUp.abort(new Error("left"));
    await settle();
    const reserve = vi.spyOn(near("p2"), "reserve");
    await machine.refuse(asked.jobId);
    expect([reserve.mock.calls.length, asked.failure, slots.waiting]).toEqual([0, "Error: left", 0]);
  });

  it("says that it is full, and all others are: it is waited for, and asked again once it is otherwise", async () => {
    const { machine } = far("p1");
    const asked = ask();
    await machine.refuse(asked.jobId);
    expect([asked.failure, machine.asked, slots.waiting]).toEqual([undefined, [], 1]);
    machine.become({ running: 0 });
    await settle();
    await machine.grant(asked.jobId);
    expect([asked.got, slots.waiting]).toEqual(["p1", 0]);
  });

  it("says so again and again: who waits keeps its place", async () => {
    const { machine } = far("p1");
    const first = ask();
    await clock.advance(10);
    const second = ask();
    for (let n = 0; n < 3; n++) {
      expect(machine.asked).toEqual([first.jobId]);
      await machine.refuse(first.jobId);
      machine.become({ running: 0 });
      await settle();
    }
    await machine.grant(first.jobId);
    expect([first.got, second.got]).toEqual(["p1", undefined]);
  });

  it("grants what nobody wants any more: the slot is given back, and goes to the next", async () => {
    const { machine } = far("p1");
    const [gone, next] = [ask(), ask()];
    gone.hangUp.abort(new Error("hung up"));
    await settle();
    expect(gone.failure).toContain("hung up");
    await machine.grant(gone.jobId);
    expect(machine.asked).toEqual([next.jobId]);
    await machine.grant(next.jobId);
    expect([next.got, machine.lines]).toEqual(["p1", [next.jobId]]);
  });

  it("refuses one who has gone: nobody looks again for that one", async () => {
    const { machine } = far("p1");
    const gone = ask();
    gone.hangUp.abort(new Error("hung up"));
    const other = near("p2");
    await machine.refuse(gone.jobId);
    expect([other.lines, slots.waiting]).toEqual([[], 0]);
  });

  it.each([
    ["grants it", true],
    ["refuses", false],
  ])("%s after the time to wait: that is the last word", async (_, isGranted) => {
    const { machine } = far("p1", { running: 1 });
    const asked = ask();
    await clock.advance(SLOT_WAIT_MS - 1_000);
    machine.become({ running: 0 });
    await clock.advance(2_000);
    expect([asked.failure, machine.asked]).toEqual([undefined, [asked.jobId]]);
    await (isGranted ? machine.grant(asked.jobId) : machine.refuse(asked.jobId));
    expect([asked.got, asked.failure]).toMatchObject(
      isGranted ? ["p1", undefined] : [undefined, { code: "capacity_full", waitedMs: SLOT_WAIT_MS + 1_000 }],
    );
  });

  it("refuses after the time to wait: what is free by then serves all the same", async () => {
    const { machine } = far("p1", { running: 1 });
    const asked = ask();
    await clock.advance(SLOT_WAIT_MS - 1_000);
    machine.become({ running: 0 });
    await clock.advance(2_000);
    near("p2");
    await machine.refuse(asked.jobId);
    expect(asked.got).toBe("p2");
  });

  it.each([
    [true, { got: "p2" }],
    [false, { failure: { code: "no_provider", connected: 0 } }],
  ])("leaves before it has said anything, another is there: %s", async (isAnotherThere, came) => {
    const { machine, joined } = far("p1");
    const asked = ask();
    if (isAnotherThere) near("p2");
    joined[Symbol.dispose]();
    await machine.refuse(asked.jobId);
    expect(asked).toMatchObject(came);
  });

  it("keeps nobody else from what is freed meanwhile, nor from that the one who was asked for", async () => {
    const busy = [near("p2", { running: 1 }), near("p3", { running: 1 })];
    const { machine } = far("p1", { running: 1 });
    const [first, second] = [ask(), ask()];
    machine.become({ running: 0 });
    await settle();
    expect(machine.asked).toEqual([first.jobId]);
    for (const one of busy) one.become({ running: 0 });
    await settle();
    expect([first.got, slots.waiting]).toEqual([undefined, 1]);
    const served = second.got;
    expect(["p2", "p3"]).toContain(served);
    await machine.refuse(first.jobId);
    expect(first.got).toBe(served === "p2" ? "p3" : "p2");
  });

  it("refuses one who is found another in that very turn: no second one is asked", async () => {
    let told = (): void => {};
    fleet = new Fleet((act) => (told = act));
    slots = new Slots(fleet, clock, seededRandom(1));
    const { machine } = far("p1", { running: 1 });
    const others = [near("p2", { running: 1 }), near("p3", { running: 1 })];
    told();
    const asked = ask();
    machine.become({ running: 0 });
    told();
    for (const one of others) one.become({ running: 0 });
    const reserved = others.map((one) => vi.spyOn(one, "reserve"));
    await machine.refuse(asked.jobId);
    expect(reserved.flatMap(({ mock }) => mock.calls)).toEqual([[asked.jobId]]);
  });

  it("counts as its account's turn", async () => {
    const { machine } = far("p1", { slots: 2, running: 2 });
    const [greedy, , modest] = [ask("a"), ask("a"), ask("b")];
    machine.become({ running: 0 });
    await settle();
    expect(machine.asked).toEqual([greedy.jobId, modest.jobId]);
  });
});

/**
 * Goal: however machines and callers come, answer and go, no slot is given twice and nobody is forgotten. Method: seeded days of
 * random acts; after each, whoever waits has no free machine that nobody was sent after; at the end all are served.
 */
it.each([1, 2, 3, 4, 5, 6, 7, 8])("books nothing twice and forgets nobody, seed %i", async (seed) => {
  const random = seededRandom(seed);
  const pick = <Item>(items: readonly Item[]): Item | undefined => items[Math.floor(random.fraction() * items.length)];
  const distant = ["f1", "f2"].map((name) => far(name, { slots: 2 }).machine);
  const machines = [...distant, near("n1", { slots: 2 }), near("n2")];
  const all: Asked[] = [];
  const acts: (() => void | Promise<void>)[] = [
    () => void all.push(ask(pick(["a", "b", "c"]))),
    () => void all.push(ask("a")),
    () => pick(all)?.hangUp.abort(new Error("hung up")),
    async () => {
      const machine = pick(distant);
      const jobId = pick(machine?.asked ?? []);
      if (!machine || !jobId) return;
      if (random.fraction() < 0.5) await machine.grant(jobId);
      else await machine.refuse(jobId);
    },
    () => {
      const machine = pick(machines);
      const done = pick(all.filter(({ jobId, got }) => got && machine?.lines.includes(jobId)));
      if (done) machine?.close(done.jobId);
    },
    // Its home says what is really free there.
    () => {
      const machine = pick(distant);
      machine?.become({ running: machine.lines.length });
    },
    () => clock.advance(100),
  ];
  for (let n = 0; n < 400; n++) {
    await pick(acts)?.();
    await settle();
    for (const { lines, view } of machines) expect(lines.length).toBeLessThanOrEqual(view.slots);
    const asking = distant.flatMap(({ asked }) => asked);
    const idle = all.filter(({ jobId, got, failure }) => !got && failure === undefined && !asking.includes(jobId));
    if (idle.length > 0) expect(machines.filter(({ view }) => view.running < view.slots)).toEqual([]);
  }
  for (let n = 0; slots.waiting > 0 || distant.some(({ asked }) => asked.length > 0); n++) {
    expect(n).toBeLessThan(200);
    for (const machine of distant) for (const jobId of machine.asked) await machine.grant(jobId);
    for (const machine of machines) for (const jobId of machine.lines.slice()) machine.close(jobId);
    await settle();
  }
  await settle();
  expect(all.filter(({ got, failure }) => (got === undefined) === (failure === undefined))).toEqual([]);
  expect(all.filter(({ got }) => got).length).toBeGreaterThan(50);
});
