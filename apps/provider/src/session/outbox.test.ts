import { readRecords, writeRecord, type FromProvider } from "@darkbloom/protocol/wire";
import { expect, it, vi } from "vitest";
import {
  COORDINATOR_BUFFERED_BYTES_MAX,
  COORDINATOR_UNREAD_BYTES_MAX,
  ENDS_WAITING_MAX,
  JOINED_RECORDS_BYTES,
  Outbox,
} from "./outbox.ts";
import type { Message } from "./wire.ts";

const beat: FromProvider = { type: "heartbeat", status: "ready" };
const ends: readonly FromProvider[] = [
  { type: "inference_error", job_id: "job_1", code: "internal" },
  { type: "inference_complete", job_id: "job_1", receipt: "{}", receipt_signature: "AAAA", response_signature: "AAAA" },
];
const bytes = (length = 3) => new Uint8Array(length);

function setUp(bufferedBytes = 0) {
  /** Types of what was sent; of a message of records, whose they are. */
  const sent: (string | string[])[] = [];
  const wire = {
    bufferedBytes,
    send: (message: Message) =>
      void sent.push(
        typeof message === "string"
          ? String(JSON.parse(message).type)
          : [...readRecords(message)].map(({ jobId }) => jobId),
      ),
    ping() {},
    close() {},
    terminate() {},
  };
  const deferred: (() => void)[] = [];
  const endTurn = () => {
    for (const act of deferred.splice(0)) act();
  };
  const unread = vi.fn<() => void>();
  return { sent, wire, deferred, endTurn, unread, outbox: new Outbox(wire, (act) => void deferred.push(act), unread) };
}

/** Goal: what keeps a connection alive never waits behind answers, and an answer stays in order. Method: a full socket, then an empty one. */
it.each(ends)("lets control frames pass a full socket, and answers that end in $type wait in order", (end) => {
  const { sent, wire, outbox, endTurn } = setUp(COORDINATOR_BUFFERED_BYTES_MAX);
  outbox.sendFrame("job_1", bytes(), false);
  outbox.send(end);
  outbox.send(beat);
  endTurn();
  expect(sent).toEqual(["heartbeat"]);
  outbox.flush();
  expect(sent).toHaveLength(1);

  wire.bufferedBytes = COORDINATOR_BUFFERED_BYTES_MAX - 1;
  outbox.flush();
  outbox.flush();
  expect(sent).toEqual(["heartbeat", ["job_1"], end.type]);
});

it("sends what is ready in one turn as one message, at its end", () => {
  const { sent, outbox, deferred, endTurn } = setUp();
  for (const job of ["job_1", "job_2", "job_1"]) outbox.sendFrame(job, bytes(), false);
  expect(sent).toEqual([]);
  expect(deferred).toHaveLength(1);
  endTurn();
  expect(sent).toEqual([["job_1", "job_2", "job_1"]]);
  outbox.sendFrame("job_2", bytes(), false);
  endTurn();
  expect(sent.slice(1)).toEqual([["job_2"]]);
});

it("sends the ends of answers behind the frames of their turn, and an answer's last frame with its end", () => {
  const { sent, outbox, endTurn } = setUp();
  const [failed, complete] = ends;
  outbox.sendFrame("job_2", bytes(), false);
  outbox.sendFrame("job_1", bytes(), true);
  endTurn();
  expect(sent).toEqual([["job_2"]]);
  if (complete) outbox.send(complete);
  outbox.sendFrame("job_3", bytes(), false);
  if (failed) outbox.send({ ...failed, job_id: "job_3" } as FromProvider);
  expect(sent).toHaveLength(1);
  endTurn();
  expect(sent.slice(1)).toEqual([["job_1", "job_3"], "inference_complete", "inference_error"]);
});

/** Method: so much before it that a message ends between an answer's last frame and its end. */
it("never sends the end of an answer before its last frame", () => {
  const { sent, outbox, endTurn } = setUp();
  const [, complete] = ends;
  outbox.sendFrame("job_2", bytes(JOINED_RECORDS_BYTES - 30), false);
  outbox.sendFrame("job_1", bytes(100), true);
  if (complete) outbox.send(complete);
  endTurn();
  expect(sent).toEqual([["job_2", "job_1"], "inference_complete"]);
});

it("begins another message where one is long enough", () => {
  const { sent, outbox, endTurn } = setUp();
  const half = bytes(
    JOINED_RECORDS_BYTES / 2 - writeRecord({ kind: "answer", jobId: "job_1", bytes: bytes(0) }).length,
  );
  for (const job of ["job_1", "job_2", "job_3"]) outbox.sendFrame(job, half, false);
  endTurn();
  expect(sent).toEqual([["job_1", "job_2"], ["job_3"]]);
});

/** Goal: a coordinator that reads nothing fills no memory. Method: ends behind a full socket, and again once some were sent. */
it("keeps no more ends waiting than there may be", () => {
  const { sent, wire, outbox, unread } = setUp(COORDINATOR_BUFFERED_BYTES_MAX);
  const [end] = ends;
  const fill = () => {
    for (let n = 0; n < ENDS_WAITING_MAX; n++) if (end) outbox.send(end);
  };
  fill();
  expect(unread).not.toHaveBeenCalled();
  wire.bufferedBytes = 0;
  outbox.flush();
  expect(sent).toHaveLength(ENDS_WAITING_MAX);
  wire.bufferedBytes = COORDINATOR_BUFFERED_BYTES_MAX;
  fill();
  expect(unread).not.toHaveBeenCalled();
  if (end) outbox.send(end);
  expect(unread).toHaveBeenCalledOnce();
  wire.bufferedBytes = 0;
  outbox.flush();
  expect(sent).toHaveLength(2 * ENDS_WAITING_MAX);
});

it("hands no control frame to a socket that writes nothing", () => {
  const { sent, wire, outbox, unread } = setUp(COORDINATOR_UNREAD_BYTES_MAX - 1);
  outbox.send(beat);
  expect(unread).not.toHaveBeenCalled();
  wire.bufferedBytes++;
  outbox.send(beat);
  expect(unread).toHaveBeenCalledOnce();
  expect(sent).toEqual(["heartbeat"]);
});
