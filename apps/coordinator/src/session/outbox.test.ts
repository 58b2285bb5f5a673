import type { FromCoordinator } from "@darkbloom/protocol";
import { expect, it } from "vitest";
import { BODIES_WAITING_MAX, Outbox, PROVIDER_BUFFERED_BYTES_MAX } from "./outbox.ts";

const message: FromCoordinator = { type: "provider_drain_ack" };
function setUp() {
  const sent: string[] = [];
  const wire = {
    bufferedBytes: 0,
    send: (text: string) => void sent.push(text),
    ping: () => {},
    close: () => {},
    terminate: () => {},
  };
  return { sent, wire, outbox: new Outbox(wire) };
}

/** Goal: a full socket holds bodies back and nothing else. Method: a wire that says how full it is. */
it("hands control frames over past waiting bodies", () => {
  const { sent, wire, outbox } = setUp();
  wire.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX;
  outbox.body({ type: "cancel", request_id: "body" }, () => true);
  outbox.control(message);
  expect(sent).toEqual([JSON.stringify(message)]);
  wire.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX - 1;
  outbox.flush();
  expect(sent).toHaveLength(2);
});

it("sends bodies in order, without those that nobody wants any more, and holds no more than its bound", () => {
  const { sent, wire, outbox } = setUp();
  wire.bufferedBytes = PROVIDER_BUFFERED_BYTES_MAX;
  for (let n = 0; n < BODIES_WAITING_MAX; n++)
    expect(outbox.body({ type: "cancel", request_id: String(n) }, () => n % 2 === 0)).toBe(true);
  expect(outbox.body(message, () => true)).toBe(false);
  wire.bufferedBytes = 0;
  outbox.flush();
  expect(sent.map((text) => JSON.parse(text).request_id)).toEqual(
    Array.from({ length: BODIES_WAITING_MAX / 2 }, (_, n) => String(2 * n)),
  );
  expect(outbox.body(message, () => true)).toBe(true);
});
