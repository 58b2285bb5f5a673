import { utf8 } from "@darkbloom/protocol/bytes";
import { readRecords, writeRecord, type FromCoordinator } from "@darkbloom/protocol/wire";
import { expect, it } from "vitest";
import {
  BODIES_WAITING_MAX,
  CONTROLS_WAITING_CHARS_MAX,
  JOINED_BODIES_BYTES,
  Outbox,
  PROVIDER_BUFFERED_BYTES_MAX,
} from "./outbox.ts";
import type { Message } from "./wire.ts";

const message: FromCoordinator = { type: "provider_drain_ack" };
const body = (jobId: string, said = "") => writeRecord({ kind: "request", jobId, bytes: utf8(said) });
const namesIn = (sent: Message): string[] =>
  typeof sent === "string" ? [JSON.parse(sent).job_id] : [...readRecords(sent)].map(({ jobId }) => jobId);

function setUp() {
  const sent: Message[] = [];
  const wire = {
    bufferedBytes: 0,
    send: (one: Message) => void sent.push(one),
    ping: () => {},
    close: () => {},
    terminate: () => {},
  };
  let overflows = 0;
  let turn: (() => void)[] = [];
  const endTurn = () => {
    const acts = turn;
    turn = [];
    for (const act of acts) act();
  };
  const outbox = new Outbox(
    wire,
    (act) => void turn.push(act),
    () => overflows++,
  );
  return { sent, wire, outbox, overflows: () => overflows, endTurn, turnActs: () => turn.length };
}

/** Goal: a full socket holds bodies back and nothing else. Method: a wire that says how full it is. */
it("holds everything back, control frames to be sent first", () => {
  const { sent, wire, outbox } = setUp();
  outbox.control(message);
  expect(sent).toHaveLength(1);
  wire.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX;
  outbox.body(body("body"), () => true);
  outbox.control({ type: "cancel", job_id: "1" });
  expect(sent).toHaveLength(1);
  outbox.flush();
  expect(sent).toHaveLength(1);
  wire.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX - 1;
  outbox.flush();
  expect(sent.slice(1).map(namesIn)).toEqual([["1"], ["body"]]);
});

it("keeps the order of control frames, also where there is room again", () => {
  const { sent, wire, outbox } = setUp();
  wire.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX;
  outbox.control({ type: "cancel", job_id: "1" });
  wire.bufferedBytes = 0;
  outbox.control({ type: "cancel", job_id: "2" });
  outbox.flush();
  expect(sent.map(namesIn)).toEqual([["1"], ["2"]]);
});

it("sends bodies that are ready in one turn as one message, at its end", () => {
  const { sent, outbox, endTurn, turnActs } = setUp();
  for (const job of ["1", "2", "3"]) outbox.body(body(job), () => true);
  expect([sent, turnActs()]).toEqual([[], 1]);
  endTurn();
  expect(sent.map(namesIn)).toEqual([["1", "2", "3"]]);
  outbox.body(body("4"), () => true);
  endTurn();
  expect(sent.slice(1).map(namesIn)).toEqual([["4"]]);
});

it("begins another message where one is long enough, and where the socket has room for it", () => {
  const { sent, wire, outbox } = setUp();
  const half = "x".repeat(JOINED_BODIES_BYTES / 2 - body("1").length);
  for (const job of ["1", "2", "3", "4"]) outbox.body(body(job, half), () => true);
  wire.send = (one) => {
    sent.push(one);
    wire.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX;
  };
  outbox.flush();
  expect(sent.map(namesIn)).toEqual([["1", "2"]]);
  wire.bufferedBytes = 0;
  outbox.flush();
  expect(sent.map(namesIn)).toEqual([
    ["1", "2"],
    ["3", "4"],
  ]);
});

it("keeps the newest of what only says how things stand, and adds credits up", () => {
  const { sent, wire, outbox, overflows } = setUp();
  wire.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX;
  const trust = (eligible: boolean): FromCoordinator => ({
    type: "trust_status",
    trust_level: "none",
    eligible,
    checks: [],
  });
  for (let n = 0; n < 100_000; n++) {
    outbox.control(trust(n % 2 === 1));
    outbox.control(message);
    outbox.control({ type: "credit", job_id: "1", bytes: 2 });
    outbox.control({ type: "cancel", job_id: "1" });
  }
  expect(overflows()).toBe(0);
  wire.bufferedBytes = 0;
  outbox.flush();
  expect(sent.map((text) => JSON.parse(text.toString()))).toEqual([
    trust(true),
    message,
    { type: "credit", job_id: "1", bytes: 200_000 },
    { type: "cancel", job_id: "1" },
  ]);
});

it("tells of a provider that lets too much wait", () => {
  const { wire, outbox, overflows } = setUp();
  wire.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX;
  const one = JSON.stringify({ type: "cancel", job_id: "000000" }).length;
  const count = Math.floor(CONTROLS_WAITING_CHARS_MAX / one);
  for (let n = 1; n < count; n++) outbox.control({ type: "cancel", job_id: String(n).padStart(6, "0") });
  // Full to the last character.
  const rest = CONTROLS_WAITING_CHARS_MAX - count * one;
  outbox.control({ type: "cancel", job_id: "0".repeat(6 + rest) });
  expect(overflows()).toBe(0);
  outbox.control({ type: "cancel", job_id: "999999" });
  expect(overflows()).toBe(1);
});

it("forgets bodies that nobody wants before their turn comes", () => {
  const { wire, outbox } = setUp();
  wire.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX;
  let wanted = true;
  for (let n = 0; n < BODIES_WAITING_MAX; n++) outbox.body(body("1"), () => wanted);
  wanted = false;
  outbox.sweep();
  for (let n = 0; n < BODIES_WAITING_MAX; n++) expect(outbox.body(body("1"), () => true)).toBe(true);
});

it("sends nothing where nobody wants any body any more", () => {
  const { sent, outbox, endTurn } = setUp();
  outbox.body(body("1"), () => false);
  endTurn();
  expect(sent).toEqual([]);
});

it("sends bodies in order, without those that nobody wants any more, and holds no more than its bound", () => {
  const { sent, wire, outbox } = setUp();
  wire.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX;
  for (let n = 0; n < BODIES_WAITING_MAX; n++) expect(outbox.body(body(String(n)), () => n % 2 === 0)).toBe(true);
  expect(outbox.body(body("1"), () => true)).toBe(false);
  wire.bufferedBytes = 0;
  outbox.flush();
  expect(sent.flatMap(namesIn)).toEqual(Array.from({ length: BODIES_WAITING_MAX / 2 }, (_, n) => String(2 * n)));
  expect(outbox.body(body("1"), () => true)).toBe(true);
});
