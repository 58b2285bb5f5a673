import type { FromProvider } from "@darkbloom/protocol";
import { expect, it } from "vitest";
import { Outbox, COORDINATOR_BUFFERED_BYTES_MAX } from "./outbox.ts";

const beat: FromProvider = { type: "heartbeat", status: "serving", running: 1 };
const frames: FromProvider = { type: "inference_response_chunk", request_id: "job_1", frames: "AAAA" };
const end: FromProvider = { type: "inference_error", request_id: "job_1", code: "internal" };

/** Goal: what keeps a connection alive never waits behind answers, and an answer stays in order. Method: a full socket, then an empty one. */
it("lets control frames pass a full socket, and answers wait in order", () => {
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
  expect(sent).toEqual(["heartbeat", "inference_response_chunk", "inference_error"]);
});
