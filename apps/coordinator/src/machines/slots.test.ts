import { NetworkError, type Failure } from "@darkbloom/protocol/failures";
import type { AccountId, JobId, ProviderId, Serial } from "@darkbloom/protocol/ids";
import { seededRandom, settle, SimulatedClock } from "@darkbloom/testkit";
import { beforeEach, describe, expect, it } from "vitest";
import { blameless } from "./records/conduct.ts";
import { Fleet } from "./fleet.ts";
import { SampleMember, servedModel, verdictOf, wantOf } from "./members.samples.ts";
import { anna, bert } from "../ledger/ledger.samples.ts";
import type { Want } from "./eligibility.ts";
import type { MachineView } from "./ports.ts";
import { FULL_RETRY_AFTER_SEC, SLOT_WAIT_MS, Slots } from "./slots.ts";
import { WAITING_BYTES_PER_ACCOUNT_MAX, WAITING_PER_ACCOUNT_MAX, WAITING_PER_MODEL_MAX } from "./waiting-room.ts";

let clock: SimulatedClock;
let fleet: Fleet;
let slots: Slots;
let jobs = 0;

beforeEach(() => {
  clock = new SimulatedClock();
  fleet = new Fleet(queueMicrotask);
  slots = new Slots(fleet, clock, seededRandom(1));
});

function machine(name: string, more: Partial<MachineView> = {}): SampleMember {
  const member = new SampleMember(fleet, name, { slots: 1, ...more });
  fleet.join(member);
  return member;
}

/** What came of one who asked for a slot. */
interface Asked {
  readonly jobId: JobId;
  readonly hangUp: AbortController;
  got?: ProviderId;
  failure?: Failure | string;
}

function ask(more: { want?: Want; tried?: string[]; account?: AccountId; bytes?: number; hungUp?: Error } = {}): Asked {
  const { want = wantOf(), tried = [], account = anna, bytes = 1, hungUp } = more;
  const asked: Asked = { jobId: `job${jobs++}` as JobId, hangUp: new AbortController() };
  if (hungUp) asked.hangUp.abort(hungUp);
  void slots
    .acquire({ want, tried: new Set(tried as ProviderId[]), jobId: asked.jobId, account, bytes }, asked.hangUp.signal)
    .then(
      (line) => void (asked.got = line.providerId),
      (error: unknown) => void (asked.failure = error instanceof NetworkError ? error.failure : String(error)),
    );
  return asked;
}

/** A wish, and how often somebody looked at it closely since this was asked last. */
function counted(want = wantOf()): { readonly want: Want; questions(): number } {
  let questions = 0;
  return {
    want: {
      ...want,
      get pins() {
        questions++;
        return want.pins;
      },
    },
    questions: () => {
      const asked = questions;
      questions = 0;
      return asked;
    },
  };
}

/** Goal: a slot is given at once, or the caller learns at once that none can be. Method: one machine that is free, or may not serve. */
describe("who need not wait", () => {
  it("gets the free machine", async () => {
    machine("p1");
    const asked = ask();
    await settle();
    expect(asked.got).toBe("p1");
    expect(slots.waiting).toBe(0);
  });

  it("is told how many are connected, and what shuts each out", async () => {
    machine("p1", { draining: true });
    machine("p2", { models: [servedModel("other")] });
    const asked = ask();
    await settle();
    expect(asked.failure).toEqual({
      code: "no_provider",
      model: "m",
      connected: 2,
      gates: { draining: 1, model_not_served: 1 },
    });
  });

  it("is not served by a machine that failed it already", async () => {
    machine("p1");
    const asked = ask({ tried: ["p1"] });
    await settle();
    expect(asked.failure).toMatchObject({ gates: { already_tried: 1 } });
  });

  it("gets nothing once it has hung up", async () => {
    const member = machine("p1");
    const asked = ask({ hungUp: new Error("hung up") });
    await settle();
    expect(asked.failure).toContain("hung up");
    expect(member.lines).toEqual([]);
  });
});

/** Goal: whoever waits is served in turn, and by nobody's leave but the machines'. Method: fill one machine and free it. */
describe("who waits", () => {
  it("is served when a slot is free again, first come first served", async () => {
    const member = machine("p1");
    const running = ask();
    const [first, second] = [ask(), ask()];
    await settle();
    expect([first.got, second.got, slots.waiting]).toEqual([undefined, undefined, 2]);
    member.close(running.jobId);
    await settle();
    expect([first.got, second.got, slots.waiting]).toEqual(["p1", undefined, 1]);
  });

  it("is not overtaken by one who comes as the slot is freed", async () => {
    const member = machine("p1");
    const running = ask();
    const first = ask();
    member.close(running.jobId);
    const late = ask();
    await settle();
    expect([first.got, late.got]).toEqual(["p1", undefined]);
  });

  it("is overtaken by one who can use what it cannot", async () => {
    machine("p1");
    ask();
    const pinned = ask({ want: wantOf("m", { pins: ["serial of p1" as Serial] }) });
    machine("p2");
    const free = ask();
    await settle();
    expect([pinned.got, free.got]).toEqual([undefined, "p2"]);
  });

  it("is served by a machine that joins, or that may serve again", async () => {
    machine("p1");
    ask();
    const away = machine("p2", { draining: true });
    const first = ask();
    await settle();
    expect(first.got).toBeUndefined();
    away.become({ draining: false });
    const second = ask();
    machine("p3");
    await settle();
    expect([first.got, second.got]).toEqual(["p2", "p3"]);
  });

  it("is told so after its time, and how long it waited", async () => {
    machine("p1");
    ask();
    const asked = ask();
    await clock.advance(SLOT_WAIT_MS - 1);
    expect(asked.failure).toBeUndefined();
    await clock.advance(1);
    expect(asked.failure).toEqual({
      code: "capacity_full",
      model: "m",
      retryAfterSec: FULL_RETRY_AFTER_SEC,
      waitedMs: SLOT_WAIT_MS,
    });
    expect(slots.waiting).toBe(0);
  });

  it.each<[what: string, untilMs: (ms: number) => Partial<MachineView>]>([
    ["distrusted", (ms) => ({ distrustedUntilMs: ms })],
    ["shut out for its faults", (ms) => ({ conduct: { ...blameless, ejectedUntilMs: ms } })],
  ])("is not overtaken by one who comes in the moment in which a machine is no longer %s", async (_, untilMs) => {
    machine("p1");
    ask();
    machine("p2", untilMs(10_000));
    const first = ask();
    await clock.advance(10_000);
    const late = ask();
    await settle();
    expect([first.got, late.got]).toEqual(["p2", undefined]);
  });

  it("is given one slot at the end of its time by a machine that is back by then", async () => {
    machine("p1");
    ask();
    const back = machine("p2", { slots: 2, distrustedUntilMs: 10_000 });
    const asked = ask();
    await clock.advance(SLOT_WAIT_MS);
    expect([asked.got, back.lines, slots.waiting]).toEqual(["p2", [asked.jobId], 0]);
  });

  it("is told that nobody can serve, where that is so by then", async () => {
    const member = machine("p1");
    ask();
    const asked = ask();
    member.become({ draining: true });
    await clock.advance(SLOT_WAIT_MS);
    expect(asked.failure).toMatchObject({ code: "no_provider", gates: { draining: 1 } });
  });

  it("leaves in the turn in which it hangs up, and the slot goes to the next", async () => {
    const member = machine("p1");
    const running = ask();
    const [gone, next] = [ask(), ask()];
    gone.hangUp.abort(new Error("hung up"));
    member.close(running.jobId);
    await settle();
    expect(gone.failure).toContain("hung up");
    expect([next.got, member.lines]).toEqual(["p1", [next.jobId]]);
  });
});

/** Goal: the waiting room has walls. Method: fill it to the last place, ask for one more, and free one. */
describe("how many wait", () => {
  const refused = { code: "capacity_full", retryAfterSec: FULL_RETRY_AFTER_SEC };

  it("is bounded for each account and model, and by the bytes of its bodies", async () => {
    const member = machine("p1", { models: [servedModel("m"), servedModel("other")] });
    const running = ask();
    const waiting = Array.from({ length: WAITING_PER_ACCOUNT_MAX }, () => ask());
    const more = ask();
    const large = ask({ want: wantOf("other"), bytes: WAITING_BYTES_PER_ACCOUNT_MAX - WAITING_PER_ACCOUNT_MAX });
    const tooLarge = ask({ want: wantOf("other"), bytes: 1 });
    const another = ask({ account: bert });
    await settle();
    expect([more.failure, tooLarge.failure]).toMatchObject([
      { ...refused, waitedMs: 0 },
      { ...refused, waitedMs: 0 },
    ]);
    expect([large.failure, another.failure, waiting.at(-1)?.failure]).toEqual([undefined, undefined, undefined]);
    waiting[0]?.hangUp.abort(new Error("hung up"));
    const afterHangUp = ask();
    member.close(running.jobId);
    const afterServed = ask();
    await settle();
    expect([afterHangUp.failure, afterServed.failure]).toEqual([undefined, undefined]);
  });

  it("has no place for one who has hung up before a place was free", async () => {
    const member = machine("p1");
    const running = ask();
    for (let n = 0; n < WAITING_PER_ACCOUNT_MAX; n++) ask();
    member.close(running.jobId);
    ask().hangUp.abort(new Error("hung up"));
    await settle();
    expect(slots.waiting).toBe(WAITING_PER_ACCOUNT_MAX - 1);
  });

  it("says for what somebody waits, how many, and for how long", async () => {
    const member = machine("p1");
    const running = ask();
    const waiting = ask({ account: bert, bytes: 5 });
    await clock.advance(1_000);
    ask({ bytes: 7 });
    await settle();
    expect(slots.queues()).toEqual([{ build: wantOf().entry.build, waiting: 2, longestMs: 1_000 }]);
    expect(slots.waitingBytes).toBe(12);
    waiting.hangUp.abort(new Error("hung up"));
    await settle();
    expect(slots.queues()).toEqual([{ build: wantOf().entry.build, waiting: 1, longestMs: 0 }]);
    member.close(running.jobId);
    await settle();
    expect(slots.queues()).toEqual([]);
    expect(slots.waitingBytes).toBe(0);
  });

  it("lets the account that has most waiting make room for one that has fewer, and says how long that one waited", async () => {
    machine("p1");
    ask();
    const waiting = ["a", "b", "c", "d"].map((name) =>
      Array.from({ length: WAITING_PER_ACCOUNT_MAX }, () => ask({ account: name as AccountId })),
    );
    await clock.advance(1_000);
    const late = ask({ account: bert });
    await settle();
    expect(late.failure).toBeUndefined();
    expect(slots.waiting).toBe(WAITING_PER_MODEL_MAX);
    const displaced = waiting.flat().filter(({ failure }) => failure !== undefined);
    expect(displaced.map(({ failure }) => failure)).toMatchObject([{ ...refused, waitedMs: 1_000 }]);
    expect(displaced[0]).toBe(waiting[0]?.at(-1));
  });
});

/** Goal: one account's many requests do not keep another's few waiting. Method: a slot frees every 500 ms, for a minute. */
it("serves a modest account promptly beside a greedy one", async () => {
  const member = machine("p1");
  const greedy: Asked[] = [];
  const modest: { readonly asked: Asked; readonly atMs: number; servedMs?: number }[] = [];
  for (let ms = 0; ms < 60_000; ms += 500) {
    for (let n = 0; n < 6; n++) greedy.push(ask({ account: anna }));
    if (ms % 2_000 === 0) modest.push({ asked: ask({ account: bert }), atMs: ms });
    await clock.advance(500);
    for (const jobId of member.lines.slice()) member.close(jobId);
    await settle();
    for (const one of modest) if (one.asked.got) one.servedMs ??= clock.monotonicMs() - one.atMs;
  }
  expect(modest.every(({ asked }) => asked.failure === undefined)).toBe(true);
  expect(Math.max(...modest.slice(0, -2).map(({ servedMs }) => servedMs ?? Infinity))).toBeLessThanOrEqual(1_000);
  // And the machine was never idle meanwhile.
  expect([...greedy, ...modest.map(({ asked }) => asked)].filter(({ got }) => got).length).toBeGreaterThan(115);
});

/** Goal: what cannot help nobody looks at. Method: a machine of another model changes beside a full waiting room; count the questions. */
it("asks only about machines that changed, and once for many changes", async () => {
  const { want, questions } = counted();
  machine("p1");
  ask();
  for (let n = 0; n < 50; n++) ask({ want });
  const other = machine("p2", { models: [servedModel("other")], slots: 4 });
  await settle();
  questions();
  for (let n = 0; n < 10; n++) other.become({});
  await settle();
  expect(questions()).toBe(0);
  const draining = machine("p3", { draining: true });
  await settle();
  questions();
  for (let n = 0; n < 10; n++) draining.become({});
  await settle();
  expect(questions()).toBe(50);
});

/** Goal: a machine that is shut out for its faults costs those who wait for others next to nothing. Method: it changes beside many full ones; count the questions. */
it("asks few others about a machine that is left out, as long as one of them will do", async () => {
  const { want, questions } = counted();
  for (let n = 0; n < 100; n++) machine(`p${n}`, { slots: 1, verdict: verdictOf(n < 50 ? "none" : "self_signed") });
  for (let n = 0; n < 50; n++) ask();
  const waiting = Array.from({ length: 50 }, () => ask({ want }));
  const failing = machine("failing", { conduct: { ...blameless, ejectedUntilMs: 60_000 } });
  await settle();
  questions();
  failing.become({});
  await settle();
  expect(waiting.filter(({ got }) => got)).toEqual([]);
  const asked = questions();
  expect(asked).toBeGreaterThanOrEqual(50);
  expect(asked).toBeLessThan(50 * 2 + 101);
});

/** Goal: who waits for few machines costs those who need no such one nothing. Method: many wait for one of a level that others have not; others come and go, and the wait ends; count the questions. */
describe("many who wait for what few machines have", () => {
  it("are not looked at for every other request, nor for each whose time is over", async () => {
    const { want, questions } = counted(wantOf("m", { minTrust: "hardware" }));
    machine("strong", { verdict: verdictOf("hardware") });
    for (let n = 0; n < 100; n++) machine(`p${n}`, { slots: 100 });
    ask({ want });
    await settle();
    const waiting = Array.from({ length: 50 }, () => ask({ want }));
    await settle();
    questions();
    const others = Array.from({ length: 20 }, () => ask({ account: bert }));
    await settle();
    expect(others.every(({ got }) => got)).toBe(true);
    expect(questions()).toBeLessThan(100);
    await clock.advance(SLOT_WAIT_MS);
    expect(waiting.every(({ failure }) => failure)).toBe(true);
    // Each looks once more for itself, over all machines.
    expect(questions()).toBeLessThan(50 * 102);
  });

  it("get what time alone has let in again, when somebody comes or their wait ends", async () => {
    machine("p1");
    ask();
    const first = ask();
    machine("p2", { slots: 1, distrustedUntilMs: clock.monotonicMs() + 1_000 });
    machine("p3", { slots: 1, conduct: { ...blameless, ejectedUntilMs: clock.monotonicMs() + 2_000 } });
    const second = ask();
    await settle();
    await clock.advance(1_500);
    const third = ask();
    await settle();
    expect([first.got, second.got, third.got]).toEqual(["p2", undefined, undefined]);
    await clock.advance(SLOT_WAIT_MS - 1_500);
    expect([second.got, third.failure]).toEqual(["p3", undefined]);
  });

  it("get, when their wait ends, one that is left out where the others have gone", async () => {
    const good = machine("p1");
    machine("failing", { slots: 1, conduct: { ...blameless, ejectedUntilMs: 3_600_000 } });
    ask();
    const waits = ask();
    good.become({ draining: true });
    await clock.advance(SLOT_WAIT_MS);
    expect(waits.got).toBe("failing");
  });
});

/** Goal: a machine that is left out serves those whom nobody else can, and them alone. Method: one who needs what only it has waits beside others. */
it("gives a machine that is left out to who has no other", async () => {
  machine("p1");
  const failing = machine("p2", {
    slots: 1,
    verdict: verdictOf("hardware"),
    conduct: { ...blameless, ejectedUntilMs: 60_000 },
  });
  ask();
  const needing = wantOf("m", { minTrust: "hardware" });
  const first = ask({ want: needing });
  const [modest, next] = [ask(), ask({ want: needing })];
  await settle();
  expect([first.got, modest.got, next.got]).toEqual(["p2", undefined, undefined]);
  failing.close(first.jobId);
  await settle();
  expect([modest.got, next.got]).toEqual([undefined, "p2"]);
});

/** Goal: an assumption that breaks in the middle of a round costs one request. Method: a machine that cannot open a line. */
it("tells the one whose line cannot be opened, and goes on", async () => {
  const member = machine("p1", { slots: 2 });
  const running = [ask(), ask()];
  const [first, second] = [ask(), ask()];
  const reserve = member.reserve.bind(member);
  member.reserve = async (jobId) => {
    if (jobId === first.jobId) throw new RangeError("cannot open");
    return reserve(jobId);
  };
  for (const { jobId } of running) member.close(jobId);
  await settle();
  expect([first.failure, second.got]).toEqual(["RangeError: cannot open", "p1"]);
});

/** Goal: a machine of two models serves both. Method: requests for each wait; it frees one slot after the other. */
it("serves the models that a machine has in turn", async () => {
  const member = machine("p1", { models: [servedModel("m"), servedModel("other")], slots: 2 });
  const running = [ask(), ask()];
  const waiting = [ask(), ask(), ask({ want: wantOf("other") }), ask({ want: wantOf("other") })];
  for (const { jobId } of running) member.close(jobId);
  await settle();
  expect(waiting.map(({ got }) => got)).toEqual(["p1", undefined, "p1", undefined]);
});

/** Goal: no model starves another on a machine that has both. Method: both wait, and one slot at a time is freed, each in a turn of its own. */
it("serves the models that a machine has in turn, from one freed slot to the next", async () => {
  const models = ["m", "other", "third"];
  const member = machine("p1", { models: models.map((name) => servedModel(name)) });
  let running = ask();
  const waiting = models.map((model) => Array.from({ length: 3 }, () => ask({ want: wantOf(model) })));
  const served: string[] = [];
  for (let n = 0; n < 6; n++) {
    member.close(running.jobId);
    await settle();
    const [jobId] = member.lines;
    served.push(models[waiting.findIndex((ofModel) => ofModel.some((one) => one.jobId === jobId))] ?? "none");
    running = { ...running, jobId: jobId ?? running.jobId };
  }
  expect(served).toEqual(["m", "other", "third", "m", "other", "third"]);
});

it("gives nothing out any more once it is disposed of", async () => {
  const member = machine("p1");
  const running = ask();
  const asked = ask();
  slots[Symbol.dispose]();
  member.close(running.jobId);
  await settle();
  expect(asked.got).toBeUndefined();
});
