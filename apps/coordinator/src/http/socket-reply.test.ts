import { utf8 } from "@darkbloom/protocol/bytes";
import { dialects } from "@darkbloom/protocol/dialects";
import { SimulatedClock } from "@darkbloom/testkit";
import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import type { WebSocket } from "ws";
import { facts } from "../../test/http-kit.ts";
import { SocketReply } from "./socket-reply.ts";

/** Goal: a response fills no memory with what its caller has not read. Method: a connection on which so much waits and no write ends; whether the next piece is asked for, and whether another response may begin. */
it.each([
  [64 * 1024, true],
  [64 * 1024 + 1, false],
])("goes on while %i bytes wait: %s", async (bufferedAmount, goesOn) => {
  const ends: (() => void)[] = [];
  const ws = { OPEN: 1, readyState: 1, bufferedAmount, send: (_text: string, end: () => void) => void ends.push(end) };
  const never = new AbortController().signal;
  const reply = new SocketReply({
    ws: ws as Partial<WebSocket> as WebSocket,
    clock: new SimulatedClock(),
    dialect: dialects["/v1/responses"],
    hangUp: never,
    shutdown: never,
  });
  reply.begin(facts);
  const written = reply.write(utf8('{"type":"response.created"}\n'));
  const isOver: string[] = [];
  const both = [
    written.then(() => isOver.push("this one")),
    reply.taken().then(() => isOver.push("the one before the next")),
  ];
  await setImmediate();
  expect(isOver).toHaveLength(goesOn ? 2 : 0);
  for (const end of ends) end();
  await Promise.all(both);
});
