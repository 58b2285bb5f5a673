import { WIRE_MESSAGE_BYTES_MAX } from "@darkbloom/protocol";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { hostProvider, type SessionNet } from "../session/host-provider.ts";
import { closeCodes, type Wire } from "../session/wire.ts";

/** Providers that may be connected at once; a further one is asked to try again later. */
export const CONNECTIONS_MAX = 1024;
/** A close that the peer does not answer is a drop after this. */
const PROVIDER_CLOSE_WAIT_MS = 2_000;

/** Whoever has not said yet who he is may send this, and no more. Evidence of the largest kind is a quarter of it. */
const FIRST_MESSAGE_BYTES_MAX = 1024 * 1024;

/** `ws` gathers a message whole before it hands it over; so the bytes are counted below it. */
function boundFirstMessage(socket: Socket, ws: WebSocket): void {
  const count = () => {
    if (socket.bytesRead > FIRST_MESSAGE_BYTES_MAX) ws.terminate();
  };
  socket.on("data", count);
  ws.once("message", () => socket.off("data", count));
}

/** Headers that a proxy adds. Behind one, an address on this machine says nothing about the caller. */
const forwardingHeaders = ["forwarded", "x-forwarded-for", "x-real-ip"];

/** `GET /ws/provider`: one provider's socket, both ways. Bytes in, bytes out; the session knows what they mean. */
export class ProviderSockets implements AsyncDisposable {
  readonly #net: SessionNet;
  readonly #stays = new Set<Promise<void>>();
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: WIRE_MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
    clientTracking: true,
  });

  constructor(net: SessionNet) {
    this.#net = net;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const onThisMachine = isOnThisMachine(request);
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      boundFirstMessage(request.socket, ws);
      this.#host(ws, onThisMachine);
    });
  }

  #host(ws: WebSocket, onThisMachine: boolean): void {
    if (this.#server.clients.size > CONNECTIONS_MAX) return ws.close(closeCodes.tryAgain, "too many providers");
    const wire: Wire = {
      get bufferedBytes() {
        return ws.bufferedAmount;
      },
      send: (text) => ws.send(text, () => connection.drained()),
      ping: () => ws.ping(),
      close: (code, reason) => {
        ws.close(code, reason);
        setTimeout(() => ws.terminate(), PROVIDER_CLOSE_WAIT_MS).unref();
      },
      terminate: () => ws.terminate(),
    };
    const connection = hostProvider(this.#net, wire, onThisMachine);
    ws.on("message", (data, isBinary) => {
      if (!isBinary && Buffer.isBuffer(data)) connection.received(data.toString("utf8"));
    });
    ws.on("pong", () => connection.heard());
    ws.on("ping", () => connection.heard());
    // An error is always followed by a close, which is where the session ends.
    ws.on("error", () => {});
    ws.on("close", () => connection.closed());
    this.#stays.add(connection.done);
    void connection.done.finally(() => this.#stays.delete(connection.done));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const ws of this.#server.clients) ws.close(closeCodes.goingAway, "shutting down");
    const late = setTimeout(() => this.#server.clients.forEach((ws) => ws.terminate()), PROVIDER_CLOSE_WAIT_MS);
    await Promise.all(this.#stays);
    clearTimeout(late);
    this.#server.close();
  }
}

function isOnThisMachine({ socket, headers }: IncomingMessage): boolean {
  const address = socket.remoteAddress ?? "";
  const loopback = address === "::1" || /^(::ffff:)?127\./.test(address);
  return loopback && forwardingHeaders.every((name) => headers[name] === undefined);
}
