import type { FromProvider } from "@darkbloom/protocol/wire";
import { expect, it } from "vitest";
import { Outbox, COORDINATOR_BUFFERED_BYTES_MAX } from "./outbox.ts";

const beat: FromProvider = { type: "heartbeat", status: "serving", running: 1 };
const frames: FromProvider = { type: "inference_response_chunk", request_id: "job_1", frames: "AAAA" };
const ends: readonly FromProvider[] = [
  { type: "inference_error", request_id: "job_1", code: "internal" },
  {
    type: "inference_complete",
    request_id: "job_1",
    receipt: "{}",
    receipt_signature: "AAAA",
    response_signature: "AAAA",
  },
];

/** Goal: what keeps a connection alive never waits behind answers, and an answer stays in order. Method: a full socket, then an empty one. */
it.each(ends)("lets control frames pass a full socket, and answers that end in $type wait in order", (end) => {
  const sent: string[] = [];
  const wire = {
    bufferedBytes: COORDINATOR_BUFFERED_BYTES_MAX,
    send: (text: string) => void sent.push(JSON.parse(text).type),
    ping() {},
    close() {},
    terminate() {},
  };
  const outbox = new Outbox(wire);
  outbox.send(frames);
  outbox.send(end);
  outbox.send(beat);
  expect(sent).toEqual(["heartbeat"]);
  outbox.flush();
  expect(sent).toHaveLength(1);

  wire.bufferedBytes = COORDINATOR_BUFFERED_BYTES_MAX - 1;
  outbox.flush();
  outbox.flush();
  expect(sent).toEqual(["heartbeat", "inference_response_chunk", end.type]);
});
