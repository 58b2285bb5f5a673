import { toBase64 } from "@darkbloom/protocol/bytes";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { JobId } from "@darkbloom/protocol/ids";
import { ANSWER_WINDOW_BYTES, CHALLENGE_AGE_MAX_MS, CHALLENGE_EVERY_MS } from "@darkbloom/protocol/limits";
import type { Envelope } from "@darkbloom/protocol/sealing";
import { PROTOCOL_VERSION, recordKinds, writeRecord, type FromProvider } from "@darkbloom/protocol/wire";
import { describe, expect, it, vi } from "vitest";
import { HandMachine } from "../../../../../packages/testkit/src/hand-machine.ts";
import { memorySigner } from "../../../../../packages/testkit/src/memory-signer.ts";
import { account, entry, TestNetwork } from "../../../../../packages/testkit/src/network.ts";
import { offerOf } from "../../../../../packages/testkit/src/test-provider.ts";
import { isAttested } from "../eligibility.ts";
import type { Line, Member } from "../ports.ts";
import { ABANDONED_WAIT_MS, ANSWER_PIECE_BYTES_MIN } from "./line.ts";
import { FRAME_UNIT_CHARS, FRAMES_BURST, FRAMES_PER_ATTEMPT, FRAMES_PER_SEC } from "./frame-budget.ts";
import { BODIES_WAITING_MAX, PROVIDER_BUFFERED_BYTES_MAX } from "./outbox.ts";
import { ProviderSession } from "./provider-session.ts";

/**
 * Goal: each rule of one connection holds by itself: what a machine may send, what it is told, when its slot is free
 * again. Method: a machine in the test's hands, one attempt on it, no request behind it.
 */
const envelope: Envelope = { hdr: "{}", body: new Uint8Array(3), wraps: [{ key_id: "k", enc: "", wrap: "" }] };
const request = { callerRequestId: "req_1", account, envelope };
const job = (n = 1) => `job_${n}` as JobId;
const about = (n = 1) => ({ job_id: job(n) });
const piece = (bytes: number, n = 1) => writeRecord({ kind: "answer", jobId: job(n), bytes: new Uint8Array(bytes) });
const failed = (n = 1): FromProvider => ({ type: "inference_error", ...about(n), code: "cancelled" });
const completed = (n = 1): FromProvider => ({
  type: "inference_complete",
  ...about(n),
  receipt: "{}",
  receipt_signature: "",
  response_signature: "",
});
const codeIn = (act: () => void): string | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    return error instanceof NetworkError ? error.failure.code : "bug";
  }
};

/** A line to it, however many it has; whoever asks it is told that it is full. */
function opened(member: Member, jobId: JobId): Line {
  if (!(member instanceof ProviderSession)) throw new RangeError("no session");
  return member.open(jobId);
}

async function machineWithLine() {
  const made = new TestNetwork();
  const machine = await HandMachine.joined(made);
  const { member } = machine;
  const line = opened(member, job());
  return { made, machine, member, line };
}
/** What is sent goes out at the turn's end. */
const turn = () => Promise.resolve();
async function handOver(line: Line): Promise<void> {
  line.send(request);
  await turn();
}
const running = ({ fleet }: TestNetwork) => fleet.machines()[0]?.running;

/** Goal: a piece that waits for its caller holds its own bytes and not the whole message; one that is awaited is not copied. Method: the memory under each. */
it.each([true, false])("gives a piece as it came where it is awaited: %s", async (isAwaited) => {
  const { machine, line } = await machineWithLine();
  await handOver(line);
  const taken = isAwaited ? line.take(1_000) : undefined;
  machine.sayRecords(piece(300), piece(300, 2));
  const event = await (taken ?? line.take(1_000));
  const memory = event?.kind === "frames" ? event.bytes.buffer.byteLength : 0;
  expect(memory > 300).toBe(isAwaited);
});

describe("what a machine may send of an answer", () => {
  it.each<[says: string, bytes: number[], end: string | undefined]>([
    ["exactly its window", [ANSWER_WINDOW_BYTES], undefined],
    ["one piece more", [ANSWER_WINDOW_BYTES, ANSWER_PIECE_BYTES_MIN], "overrun"],
    ["a byte more at once", [ANSWER_WINDOW_BYTES + 1], "overrun"],
    ["the shortest piece that there is", [ANSWER_PIECE_BYTES_MIN], undefined],
    ["a shorter one", [ANSWER_PIECE_BYTES_MIN - 1], "protocol"],
    ["an empty one", [0], "protocol"],
  ])("%s: closed with %s", async (_, bytes, end) => {
    const { machine, line } = await machineWithLine();
    await handOver(line);
    expect(machine.requests.at(-1)?.credit_bytes).toBe(ANSWER_WINDOW_BYTES);
    for (const length of bytes) machine.sayRecords(piece(length));
    expect(machine.closed).toBe(end);
  });

  it("is nothing before it was asked", async () => {
    const { machine } = await machineWithLine();
    machine.sayRecords(piece(ANSWER_PIECE_BYTES_MIN));
    expect(machine.closed).toBe("overrun");
  });

  it("grows by each credit, which it is told", async () => {
    const { machine, line } = await machineWithLine();
    line.send(request);
    machine.sayRecords(piece(ANSWER_WINDOW_BYTES));
    line.credit(300);
    expect(machine.last("credit")).toMatchObject({ ...about(), bytes: 300 });
    machine.sayRecords(piece(300));
    expect(machine.closed).toBeUndefined();
    machine.sayRecords(piece(ANSWER_PIECE_BYTES_MIN));
    expect(machine.closed).toBe("overrun");
  });

  it("reaches its attempt in order, with the end last", async () => {
    const { made, machine, line } = await machineWithLine();
    line.send(request);
    machine.sayRecords(piece(256));
    machine.say(completed());
    expect(await line.take(1)).toMatchObject({ kind: "frames", bytes: new Uint8Array(256) });
    expect(await line.take(1)).toMatchObject({ kind: "complete" });
    expect(await made.clock.until(line.take(1), 2)).toBeUndefined();
  });

  it("is skipped where the attempt is another's or over", async () => {
    const { machine, line } = await machineWithLine();
    line.send(request);
    machine.say(failed());
    machine.sayRecords(piece(ANSWER_WINDOW_BYTES * 2), piece(300, 7));
    for (const frame of [completed(), failed()]) machine.say(frame);
    expect(await line.take(1)).toMatchObject({ kind: "error" });
    expect(machine.closed).toBeUndefined();
  });
});

describe("how far a prompt is read", () => {
  const reading = (read_tokens: number, n = 1): FromProvider => ({ type: "reading", ...about(n), read_tokens });

  /** Goal: however often a machine says it, one figure waits, the newest. Method: many in a row, then one behind a piece, and one of an attempt that nobody waits for. */
  it("waits once for each piece, with the newest figure", async () => {
    const { made, machine, line } = await machineWithLine();
    line.send(request);
    for (let tokens = 1; tokens <= 50; tokens++) machine.say(reading(tokens));
    machine.say(reading(7, 2));
    expect(await line.take(1)).toEqual({ kind: "reading", readTokens: 50 });
    machine.say(reading(60));
    machine.sayRecords(piece(256));
    machine.say(reading(70));
    expect(await line.take(1)).toEqual({ kind: "reading", readTokens: 70 });
    expect(await line.take(1)).toMatchObject({ kind: "frames" });
    expect(await line.take(1)).toEqual({ kind: "reading", readTokens: 70 });
    line[Symbol.dispose]();
    machine.say(reading(80));
    expect(await made.clock.until(line.take(1), 2)).toBeUndefined();
    expect(machine.closed).toBeUndefined();
  });
});

describe("a slot", () => {
  it("is free as soon as the machine closes the attempt", async () => {
    for (const end of [failed(), completed()]) {
      const { made, machine, line } = await machineWithLine();
      line.send(request);
      expect(running(made)).toBe(1);
      machine.say(end);
      expect(made.fleet.machines()).toMatchObject([{ running: 0, draining: false }]);
      expect(machine.all("provider_drain_ack")).toEqual([]);
    }
  });

  it("is free at once where nothing was sent", async () => {
    const { made, machine, line } = await machineWithLine();
    line[Symbol.dispose]();
    expect(running(made)).toBe(0);
    expect(machine.all("cancel")).toEqual([]);
  });

  it("is kept after a cancel until the machine closes", async () => {
    const { made, machine, line } = await machineWithLine();
    await handOver(line);
    line[Symbol.dispose]();
    line[Symbol.dispose]();
    expect(machine.all("cancel")).toEqual([{ type: "cancel", ...about() }]);
    expect(running(made)).toBe(1);
    machine.say(failed());
    expect(running(made)).toBe(0);
    await made.clock.advance(ABANDONED_WAIT_MS);
    expect(machine.closed).toBeUndefined();
  });

  it("of a machine that never closes is given up with the machine", async () => {
    const { made, machine, line } = await machineWithLine();
    await handOver(line);
    line[Symbol.dispose]();
    await made.clock.advance(ABANDONED_WAIT_MS - 1);
    expect(machine.closed).toBeUndefined();
    await made.clock.advance(1);
    expect(machine.closed).toBe("stuck");
  });

  it("of an abandoned attempt gives credit on, so that the machine can close it", async () => {
    const { machine, line } = await machineWithLine();
    await handOver(line);
    line[Symbol.dispose]();
    machine.sayRecords(piece(300));
    expect(machine.last("credit")).toMatchObject({ bytes: 300 });
    // Which it may use, as often as its messages may come.
    machine.sayRecords(piece(ANSWER_WINDOW_BYTES));
    machine.sayRecords(piece(ANSWER_WINDOW_BYTES));
    expect(machine.closed).toBeUndefined();
    for (let n = 0; n < FRAMES_BURST + FRAMES_PER_ATTEMPT; n++) machine.sayRecords(piece(300));
    expect(machine.closed).toBe("flood");
  });

  it("is cancelled only between the sending and the end", async () => {
    const { machine, line } = await machineWithLine();
    line.cancel();
    line.send(request);
    line.cancel();
    machine.say(failed());
    line.cancel();
    line.credit(5);
    expect(machine.all("cancel")).toHaveLength(1);
    expect(machine.all("credit")).toHaveLength(0);
  });
});

describe("bodies for one socket", () => {
  it("wait while it is full, are dropped when nobody wants them, and one above the bound is refused", async () => {
    const { made, machine, member, line } = await machineWithLine();
    machine.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX;
    line.send(request);
    line[Symbol.dispose]();
    const others = Array.from({ length: BODIES_WAITING_MAX }, (_, n) => opened(member, job(n + 2)));
    for (const other of others) other.send(request);
    const oneMore = opened(member, job(9_999));
    expect(codeIn(() => oneMore.send(request))).toBe("provider_busy");
    expect(machine.requests).toHaveLength(0);
    machine.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX - 1;
    machine.connection.drained();
    expect(machine.requests.map(({ job_id }) => job_id)).not.toContain(job());
    expect(machine.requests).toHaveLength(BODIES_WAITING_MAX);
    oneMore[Symbol.dispose]();
    expect(running(made)).toBe(BODIES_WAITING_MAX);
  });
});

describe("a machine in a hurry", () => {
  const heartbeat: FromProvider = { type: "heartbeat", status: "ready" };
  it.each<[what: string, send: (machine: HandMachine) => void]>([
    ["heartbeats", (machine) => machine.say(heartbeat)],
    ["drains", (machine) => machine.say({ type: "provider_drain" })],
    ["frames of no meaning", (machine) => machine.sayText("{")],
    ["pings", (machine) => machine.connection.pinged()],
    ["words on attempts that are not its own", (machine) => machine.sayRecords(piece(300, 7))],
    ["answers that nobody asked for", (machine) => machine.say(completed(9))],
    ["messages of no record", (machine) => machine.sayRecords()],
  ])("is closed for %s without end, and hears no more than one acknowledgement", async (_, send) => {
    const { machine } = await machineWithLine();
    const heard = machine.heard.length;
    for (let n = 0; n < FRAMES_BURST + FRAMES_PER_ATTEMPT + 10; n++) send(machine);
    expect(machine.closed).toBe("flood");
    expect(machine.heard.length - heard).toBeLessThanOrEqual(1);
  });

  /** Goal: many records to a message cost no less than many messages. Method: one message, and an attempt whose window is open. */
  it.each<[string, Uint8Array]>([
    ["of attempts that are not its own", piece(0, 7)],
    ["of kinds that are not known", piece(0).with(0, 99)],
    ["of a kind that is the coordinator's", piece(0).with(0, recordKinds.request)],
  ])("is closed for one message of very many records %s", async (_, skipped) => {
    const { machine, line } = await machineWithLine();
    line.send(request);
    const begun = FRAMES_PER_ATTEMPT + FRAMES_BURST;
    machine.sayRecords(piece(300), ...Array.from({ length: begun - 10 }, () => skipped));
    expect(machine.closed).toBeUndefined();
    machine.sayRecords(...Array.from({ length: 10 }, () => skipped), piece(301));
    expect(machine.closed).toBe("flood");
    expect(await line.take(1)).toMatchObject({ kind: "frames", bytes: new Uint8Array(300) });
    expect(await line.take(1)).toMatchObject({ kind: "gone" });
  });

  it("may say a few words at any pace, and more for each attempt", async () => {
    const { made, machine, member } = await machineWithLine();
    for (let second = 0; second < 100; second++) {
      for (let n = 0; n < FRAMES_PER_SEC; n++) machine.say(heartbeat);
      await made.clock.advance(1_000);
    }
    expect(machine.closed).toBeUndefined();
    for (let n = 10; n < 10 + FRAMES_BURST; n++) {
      opened(member, job(n)).send(request);
      for (let said = 0; said < FRAMES_PER_ATTEMPT - 1; said++) machine.say(heartbeat);
      machine.say(failed(n));
    }
    expect(machine.closed).toBeUndefined();
  });

  it("pays for long frames by their length, and nothing for pieces of an answer", async () => {
    const { machine, line } = await machineWithLine();
    line.send(request);
    for (let n = 0; n < 2 * FRAMES_BURST; n++) {
      machine.sayRecords(piece(300));
      line.credit(300);
    }
    expect(machine.closed).toBeUndefined();
    for (let n = 0; n < 10; n++) machine.sayText(" ".repeat(FRAME_UNIT_CHARS * 60));
    expect(machine.closed).toBe("flood");
  });

  it("pays for a long message by its length where one record of it is skipped", async () => {
    const { machine, line } = await machineWithLine();
    line.send(request);
    const long = piece(FRAME_UNIT_CHARS * 10);
    for (let n = 0; n < 100; n++) {
      machine.sayRecords(long);
      line.credit(FRAME_UNIT_CHARS * 10);
    }
    expect(machine.closed).toBeUndefined();
    for (let n = 0; n < 50; n++) {
      machine.sayRecords(piece(0, 7), long);
      line.credit(FRAME_UNIT_CHARS * 10);
    }
    expect(machine.closed).toBe("flood");
  });

  it("that reads nothing is dropped", async () => {
    const { machine, member } = await machineWithLine();
    machine.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX;
    for (let n = 2; n < 10_000 && machine.closed === undefined; n++)
      opened(member, `job_${"x".repeat(100)}${n}` as JobId).credit(1);
    expect(machine.closed).toBe("terminated");
  });
});

describe("what was shown", () => {
  it("counts to the last moment of its time", async () => {
    const made = new TestNetwork();
    const machine = new HandMachine(made);
    await machine.register();
    await made.clock.advance(1);
    machine.say(await machine.answerTo(machine.last("attestation_challenge")));
    // Its answer is judged in this turn, and no time passes.
    await made.clock.advance(0);
    const { member } = machine;
    expect(member.view.attestedUntilMs).toBe(made.clock.monotonicMs() + CHALLENGE_AGE_MAX_MS);
    const nowMs = vi.spyOn(made.clock, "monotonicMs");
    for (const [atMs, attested] of [
      [0, true],
      [1, false],
    ] as const) {
      nowMs.mockReturnValue(member.view.attestedUntilMs + atMs);
      expect(isAttested(member.view, made.clock.monotonicMs())).toBe(attested);
    }
  });
});

describe("a machine that is asked for a slot", () => {
  it("says that it is full for more than it has, and shows each as taken from that moment", async () => {
    const made = new TestNetwork();
    const { member } = await HandMachine.joined(made);
    const asked = [1, 2, 3, 4, 5].map((n) => member.reserve(job(n)));
    expect(running(made)).toBe(4);
    const said = await Promise.all(asked);
    expect(said.map((line) => (line === "full" ? line : line.jobId))).toEqual([
      ...[1, 2, 3, 4].map((n) => job(n)),
      "full",
    ]);
    const [first] = said;
    if (first !== "full") first?.[Symbol.dispose]();
    expect(await member.reserve(job(6))).not.toBe("full");
  });

  it.each<[string, (machine: HandMachine) => void]>([
    ["drains", (machine) => machine.say({ type: "provider_drain" })],
    ["has left", (machine) => machine.connection.closed()],
  ])("says so where it %s", async (_, leave) => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    const { member } = machine;
    leave(machine);
    await made.clock.advance(1);
    expect(await member.reserve(job())).toBe("full");
  });
});

describe("a machine without its model", () => {
  it("has no slot until it says that it has one again", async () => {
    const { made, machine } = await machineWithLine();
    const slots = () => made.fleet.machines()[0]?.slots;
    const before = slots();
    const beat = (status: "ready" | "restarting") => machine.say({ type: "heartbeat", status });
    for (const _ of [1, 2]) beat("restarting");
    expect([before, slots()]).toEqual([4, 0]);
    beat("ready");
    expect(slots()).toBe(4);
  });

  it("is looked at anew where it says something new, and not for every sign of life", async () => {
    const { machine, member } = await machineWithLine();
    const seen = [member.view];
    for (const status of ["ready", "restarting", "restarting", "ready"] as const) {
      machine.say({ type: "heartbeat", status });
      seen.push(member.view);
    }
    expect(seen.map((candidate, n) => candidate === seen[n - 1])).toEqual([false, true, false, true, false]);
  });
});

describe("a machine that leaves", () => {
  it("tells every open attempt, frees its slots, and takes nothing more", async () => {
    const { made, machine, member, line } = await machineWithLine();
    line.send(request);
    const second = opened(member, job(2));
    machine.connection.closed();
    await made.clock.advance(1);
    expect(await line.take(1)).toMatchObject({ kind: "gone" });
    expect(await second.take(1)).toMatchObject({ kind: "gone" });
    expect(made.fleet.machines()).toEqual([]);
    expect(codeIn(() => second.send(request))).toBe("provider_gone");
  });

  it("leaves for the reason that was first, and is heard no more", async () => {
    const { made, machine, member, line } = await machineWithLine();
    const left = vi.spyOn(made.net.events, "providerLeft");
    line.send(request);
    member.replaced();
    machine.say(completed());
    // By now it would be dropped, since it reads nothing.
    machine.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX;
    for (let n = 2; n < 10_000; n++) opened(member, `job_${"x".repeat(100)}${n}` as JobId).credit(1);
    await made.clock.advance(1);
    expect(await line.take(1)).toMatchObject({ kind: "gone" });
    expect(left.mock.calls.map(([{ reason }]) => reason)).toEqual(["replaced"]);
  });

  it("is no choice any more from the moment it is closed", async () => {
    const { made, member } = await machineWithLine();
    member.replaced();
    expect(made.fleet.machines().every(({ draining }) => draining)).toBe(true);
  });

  it("drains: acknowledged when its last attempt is closed, and told that it is not eligible", async () => {
    const { made, machine, line } = await machineWithLine();
    line.send(request);
    machine.say({ type: "provider_drain" });
    expect(made.fleet.machines()).toMatchObject([{ draining: true }]);
    expect(machine.all("provider_drain_ack")).toHaveLength(0);
    machine.say(failed());
    expect(machine.all("provider_drain_ack")).toHaveLength(1);
  });

  it("drains idle: acknowledged at once, and once however often it says so", async () => {
    const machine = await HandMachine.joined(new TestNetwork());
    for (const _ of [1, 2]) machine.say({ type: "provider_drain" });
    expect(machine.all("provider_drain_ack")).toHaveLength(1);
  });
});

describe("a machine that refuses work because it drains", () => {
  it("is taken at its word: it is asked no more, though it never said so in a frame of its own", async () => {
    const { made, machine, line, member } = await machineWithLine();
    line.send(request);
    const second = opened(member, job(2));
    machine.say({ type: "inference_error", ...about(), code: "draining" });
    expect(made.fleet.machines()).toMatchObject([{ draining: true }]);
    expect(machine.all("provider_drain_ack")).toHaveLength(0);
    second[Symbol.dispose]();
    expect(machine.all("provider_drain_ack")).toHaveLength(1);
  });
});

describe("a machine whose blob is none", () => {
  /** Goal: a stranger's key that is no key is refused, and no fault of ours. Method: keys that pass for base64 and that nobody would have written. */
  it.each(["AB==", "A".repeat(86) + "B=", ""])(
    "names the key %j: refused or judged, and no bug",
    async (identityKey) => {
      const made = new TestNetwork();
      const machine = new HandMachine(made);
      const { bytes, signature } = await machine.keys.show(true);
      const blob = { ...(JSON.parse(new TextDecoder().decode(bytes)) as object), identity_key: identityKey };
      machine.say({
        type: "register",
        protocols: [PROTOCOL_VERSION],
        blob: toBase64(new TextEncoder().encode(JSON.stringify(blob))),
        signature: toBase64(signature),
        ...(await offerOf(machine.signer)),
      });
      await made.clock.advance(1);
      expect(made.bugs).toEqual([]);
      expect(made.fleet.machines().filter(({ verdict }) => verdict.level !== "none")).toEqual([]);
    },
  );
});

describe("what a machine is told of its trust", () => {
  it("is eligible after its challenge and not before", async () => {
    const { machine } = await machineWithLine();
    expect(machine.all("trust_status").map(({ eligible }) => eligible)).toEqual([false, true]);
    expect(machine.all("trust_status").map(({ checks }) => checks.some(({ id }) => id === "serving.trust"))).toEqual([
      false,
      true,
    ]);
  });

  it("is told anew by each challenge, and counts as another verdict only where its level is another", async () => {
    const made = new TestNetwork();
    const changed = vi.spyOn(made.net.events, "verdictChanged");
    const machine = await HandMachine.joined(made);
    const levels = () => changed.mock.calls.map(([{ from, to }]) => [from, to]);
    expect(levels()).toEqual([["none", "self_signed"]]);
    await made.clock.advance(CHALLENGE_EVERY_MS);
    machine.say(await machine.answerTo(machine.last("attestation_challenge")));
    await made.clock.advance(1);
    expect(machine.all("trust_status")).toHaveLength(3);
    expect(levels()).toHaveLength(1);
  });

  it("is not eligible where it was distrusted", async () => {
    const { made, machine, member } = await machineWithLine();
    member.distrust();
    expect(machine.last("trust_status").eligible).toBe(false);
    expect(made.fleet.machines()).toMatchObject([{ distrustedUntilMs: Infinity }]);
  });
});

describe("one account", () => {
  it("has one scope on a machine, another on every other, and none tells who it is", async () => {
    const { made, machine, line, member } = await machineWithLine();
    line.send(request);
    opened(member, job(2)).send(request);
    opened(member, job(3)).send({ ...request, account: "acct_other" as typeof account });
    await turn();
    const [first, second, third] = machine.requests.map(({ cache_scope }) => cache_scope);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    const other = await HandMachine.joined(made);
    opened(other.member, job(4)).send(request);
    await turn();
    expect(other.requests.at(-1)?.cache_scope).not.toBe(first);
    expect(first).toMatch(/^[0-9a-f]{32}$/);
  });
});

/** Goal: a lie is remembered of the machine. Method: it leaves, or connects anew, before its answer is found to be one. */
describe("a machine whose answer is not what it signed", () => {
  const isDistrusted = ({ fleet, clock }: TestNetwork) =>
    fleet.machines().map(({ distrustedUntilMs }) => distrustedUntilMs > clock.monotonicMs());
  const signer = memorySigner();

  it("is distrusted", async () => {
    const { made, line } = await machineWithLine();
    line.distrust();
    expect(isDistrusted(made)).toEqual([true]);
  });

  it("is so when it comes back, though it has left before", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made, { signer });
    const line = opened(machine.member, job());
    machine.connection.closed();
    await made.clock.advance(1);
    line.distrust();
    await HandMachine.joined(made, { signer });
    expect(isDistrusted(made)).toEqual([true]);
  });

  it("is so in the coordinator's next life, until it is forgiven", async () => {
    const before = new TestNetwork();
    opened((await HandMachine.joined(before, { signer })).member, job()).distrust();
    expect(before.grievances).toMatchObject([{ why: "answer", untilAt: null }]);
    const made = new TestNetwork(1, "serial", entry, before.grievances);
    const again = await HandMachine.joined(made, { signer });
    expect([isDistrusted(made), again.last("trust_status").eligible]).toEqual([[true], false]);
    const { machineId } = again.member.view;
    made.core.sessionNet.records.forgive(machineId);
    made.fleet.decidedOn(machineId);
    expect([isDistrusted(made), again.last("trust_status").eligible]).toEqual([[false], true]);
    expect(made.grievances).toEqual([]);
  });

  it("is so at once where it has come back already", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made, { signer });
    const line = opened(machine.member, job());
    const again = await HandMachine.joined(made, { signer });
    const stranger = await HandMachine.joined(made);
    expect(machine.closed).toBe("replaced");
    line.distrust();
    expect(isDistrusted(made)).toEqual([true, false]);
    expect(again.last("trust_status").eligible).toBe(false);
    expect(stranger.last("trust_status").eligible).toBe(true);
  });
});
