import { NetworkError, type Failure, type JobId, type ProviderId, type Serial } from "@darkbloom/protocol";
import { seededRandom, settle, SimulatedClock } from "@darkbloom/testkit";
import { beforeEach, describe, expect, it } from "vitest";
import { Fleet } from "../fleet/fleet.ts";
import { SampleMember, servedModel, wantOf } from "../fleet/members.samples.ts";
import type { Candidate, Want } from "./choose.ts";
import { FULL_RETRY_AFTER_SEC, SLOT_WAIT_MS, Slots, WAITING_BYTES_MAX, WAITING_PER_MODEL_MAX } from "./slots.ts";

let clock: SimulatedClock;
let fleet: Fleet;
let slots: Slots;
let jobs = 0;

beforeEach(() => {
  clock = new SimulatedClock();
  fleet = new Fleet();
  slots = new Slots(fleet, clock, seededRandom(1));
});

function machine(name: string, more: Partial<Candidate> = {}): SampleMember {
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

function ask(more: { want?: Want; tried?: string[]; bytes?: number; hungUp?: Error } = {}): Asked {
  const { want = wantOf(), tried = [], bytes = 1, hungUp } = more;
  const asked: Asked = { jobId: `job${jobs++}` as JobId, hangUp: new AbortController() };
  if (hungUp) asked.hangUp.abort(hungUp);
  void slots.acquire(want, new Set(tried as ProviderId[]), asked.jobId, bytes, asked.hangUp.signal).then(
    (line) => void (asked.got = line.providerId),
    (error: unknown) => void (asked.failure = error instanceof NetworkError ? error.failure : String(error)),
  );
  return asked;
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
  const refusedAtOnce = { code: "capacity_full", retryAfterSec: FULL_RETRY_AFTER_SEC, waitedMs: 0 };

  it("is bounded for each model, and not by another's", async () => {
    machine("p1", { models: [servedModel("m"), servedModel("other")] });
    ask();
    const waiting = Array.from({ length: WAITING_PER_MODEL_MAX }, () => ask());
    const [more, other] = [ask(), ask({ want: wantOf("other") })];
    await settle();
    expect(more.failure).toMatchObject(refusedAtOnce);
    expect(other.failure).toBeUndefined();
    expect(slots.waiting).toBe(WAITING_PER_MODEL_MAX + 1);
    waiting[0]?.hangUp.abort(new Error("hung up"));
    const again = ask();
    await settle();
    expect(again.failure).toBeUndefined();
  });

  it("is bounded by the bytes of all bodies", async () => {
    machine("p1", { models: [servedModel("m"), servedModel("other")] });
    ask();
    const large = ask({ bytes: WAITING_BYTES_MAX - 10 });
    const fits = ask({ want: wantOf("other"), bytes: 10 });
    const more = ask({ want: wantOf("other"), bytes: 1 });
    await settle();
    expect([large.failure, fits.failure]).toEqual([undefined, undefined]);
    expect(more.failure).toMatchObject(refusedAtOnce);
    large.hangUp.abort(new Error("hung up"));
    const again = ask({ bytes: WAITING_BYTES_MAX - 10 });
    await settle();
    expect(again.failure).toBeUndefined();
  });

  it("gives bytes back when one is served", async () => {
    const member = machine("p1");
    const running = ask();
    const served = ask({ bytes: WAITING_BYTES_MAX });
    member.close(running.jobId);
    await settle();
    expect(served.got).toBe("p1");
    const again = ask({ bytes: WAITING_BYTES_MAX });
    await settle();
    expect(again.failure).toBeUndefined();
  });
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
