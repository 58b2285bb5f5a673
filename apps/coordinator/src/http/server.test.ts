import { Socket } from "node:net";
import { expect, it, vi } from "vitest";
import { edgeDeps } from "../../test/http-kit.ts";
import { ANSWERS_BYTES_MAX, BODIES_BYTES_MAX, CONVERSATIONS_BYTES_MAX } from "../limits/budget.ts";
import { HTTP_CONNECTIONS_MAX } from "../limits/descriptors.ts";
import { CALLER_STALL_MS_MAX } from "./reply.ts";
import { createHttpServer, doorOf } from "./server.ts";

/** Goal: who sends slowly, or nothing, holds no connection for longer than is said. Method: the times that Node's server was given. */
it("waits for requests as long as is said, and no longer", () => {
  const { requestTimeout, headersTimeout, keepAliveTimeout } = createHttpServer(edgeDeps().deps).server;
  expect({ requestTimeout, headersTimeout, keepAliveTimeout }).toEqual({
    requestTimeout: 300_000,
    headersTimeout: 60_000,
    keepAliveTimeout: 72_000,
  });
});

/** Goal: all callers together fill no more memory than is said. Method: of each budget what one may take, which is half of it, and a byte more. */
it.each([
  ["bodies", BODIES_BYTES_MAX],
  ["answers", ANSWERS_BYTES_MAX],
  ["conversations", CONVERSATIONS_BYTES_MAX],
] as const)("has as much room for %s as is said: %i bytes", (of, bytesMax) => {
  using share = doorOf(edgeDeps().deps)[of].share("acct_anna");
  expect([share.grow(bytesMax / 2), share.grow(1)]).toEqual([true, false]);
});

/** Goal: where a start names no bound of connections, there is one all the same. Method: as many silent ones, without their network, and one more; how many were ended. */
it("keeps as many connections as is said where it is told no other number", () => {
  const { server } = createHttpServer(edgeDeps().deps);
  const sockets = Array.from({ length: HTTP_CONNECTIONS_MAX + 1 }, () => new Socket());
  const ended = (): number => sockets.filter(({ destroyed }) => destroyed).length;
  for (const socket of sockets.slice(1)) server.emit("connection", socket);
  expect(ended()).toBe(0);
  server.emit("connection", sockets[0]);
  expect(ended()).toBe(1);
});

/** Goal: who takes no answer does not keep its connection. Method: an answer to somebody without a key; the silence that its connection may last from then on. */
it("gives a caller who takes nothing as long as is said", async () => {
  const http = createHttpServer(edgeDeps().deps);
  await using _closed = { [Symbol.asyncDispose]: () => http.close() };
  const { port } = await http.listen({ host: "127.0.0.1", port: 0 });
  const silences: number[] = [];
  http.server.once("connection", (socket) => {
    const set = vi.spyOn(socket, "setTimeout");
    http.server.once("request", (_request, response) => {
      set.mockClear();
      response.once("prefinish", () => silences.push(...set.mock.calls.map(([ms]) => ms)));
    });
  });
  await (await fetch(`http://127.0.0.1:${port}/health`)).text();
  expect(silences).toEqual([CALLER_STALL_MS_MAX]);
});
