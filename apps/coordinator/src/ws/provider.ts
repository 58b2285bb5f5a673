import { oneWrite } from "@darkbloom/protocol/node";
import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { peerOf, type Peer } from "../http/peer.ts";
import type { ConnectionBounds } from "../limits/descriptors.ts";
import { FIRST_BYTES_MAX, type Connection, type Stay } from "../machines/connection/host-provider.ts";
import type { Events } from "../events/events.ts";
import type { Arrival } from "../machines/connection/net.ts";
import { closeCodes, type Wire } from "../machines/connection/wire.ts";
import { Newcomers } from "./newcomers.ts";

/** A close that the peer does not answer is a drop after this. */
const PROVIDER_CLOSE_WAIT_MS = 2_000;
/** One message of a provider: all that its windows let it send of several answers; evidence is a quarter of it. */
const PROVIDER_MESSAGE_BYTES_MAX = 1024 * 1024;
/** Answers to a peer's pings and pings of ours are left out while more than this waits for it to be read. */
const PONG_BUFFERED_BYTES_MAX = 64 * 1024;

/** What happens behind the sockets. */
export interface Host {
  readonly events: Pick<Events, "joinRefused">;
  host(wire: Wire, arrival: Arrival): Stay;
}

/** `GET /ws/provider`: one provider's socket, both ways. Bytes in, bytes out; the session knows what they mean. */
export class ProviderSockets implements AsyncDisposable {
  readonly #host: Host;
  readonly #options: { readonly trustProxy: boolean; readonly bounds: ConnectionBounds };
  readonly #stays = new Set<Promise<void>>();
  readonly #newcomers: Newcomers;
  #registered = 0;
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: PROVIDER_MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
    clientTracking: true,
    // Answered below, where what waits is looked at first.
    autoPong: false,
  });

  constructor(host: Host, options: { readonly trustProxy: boolean; readonly bounds: ConnectionBounds }) {
    this.#host = host;
    this.#options = options;
    this.#newcomers = new Newcomers(options.bounds.newcomers);
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const peer = peerOf(request, this.#options.trustProxy);
    // Providers are programs. What has an origin is a page in somebody's browser.
    if (request.headers.origin !== undefined) {
      this.#host.events.joinRefused({ reason: "origin", address: peer.bucket });
      return refuseUpgrade(socket, 403);
    }
    if (this.#registered >= this.#options.bounds.providers) {
      this.#host.events.joinRefused({ reason: "too_many", address: peer.bucket });
      return refuseUpgrade(socket, 503);
    }
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#receive(ws, request.socket, peer));
  }

  #receive(ws: WebSocket, socket: Socket, peer: Peer): void {
    const wire = wireOf(ws, socket, () => connection.drained());
    const connection = this.#host.host(wire, peer);
    const newcomer = this.#newcomers.add(peer.bucket, () => {
      this.#host.events.joinRefused({ reason: "crowded_out", address: peer.bucket });
      ws.terminate();
    });
    ws.once("close", () => newcomer[Symbol.dispose]());
    boundFirstBytes(socket, ws, connection);
    void connection.registered.then((isRegistered) => isRegistered && this.#count(ws, newcomer));
    ws.on("message", (data, isBinary) => {
      if (!Buffer.isBuffer(data)) return;
      connection.received(isBinary ? data : data.toString("utf8"));
    });
    ws.on("pong", () => connection.heard());
    ws.on("ping", (data) => {
      connection.pinged();
      if (ws.bufferedAmount <= PONG_BUFFERED_BYTES_MAX) ws.pong(data);
    });
    // An error is always followed by a close, which is where the session ends.
    ws.on("error", () => {});
    ws.on("close", () => connection.closed());
    this.#stays.add(connection.done);
    void connection.done.finally(() => this.#stays.delete(connection.done));
  }

  /** One that has registered; one that was refused is a newcomer until its socket is gone. */
  #count(ws: WebSocket, newcomer: Disposable): void {
    newcomer[Symbol.dispose]();
    this.#registered++;
    ws.once("close", () => this.#registered--);
    // Two may have come for one place.
    if (this.#registered > this.#options.bounds.providers) ws.close(closeCodes.tryAgain, "too many providers");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const ws of this.#server.clients) ws.close(closeCodes.goingAway, "shutting down");
    const late = setTimeout(() => this.#server.clients.forEach((ws) => ws.terminate()), PROVIDER_CLOSE_WAIT_MS);
    await Promise.all(this.#stays);
    clearTimeout(late);
    this.#server.close();
  }
}

function wireOf(ws: WebSocket, socket: Socket, drained: () => void): Wire {
  const gather = oneWrite(socket);
  return {
    get bufferedBytes() {
      return ws.bufferedAmount;
    },
    send: (message) => {
      gather();
      ws.send(message, drained);
    },
    ping: () => {
      if (ws.bufferedAmount <= PONG_BUFFERED_BYTES_MAX) ws.ping();
    },
    close: (code, reason) => {
      ws.close(code, reason);
      setTimeout(() => ws.terminate(), PROVIDER_CLOSE_WAIT_MS).unref();
    },
    terminate: () => ws.terminate(),
  };
}

/** `ws` gathers a message whole before it hands it over; so what comes before the registration is counted below it. */
function boundFirstBytes(socket: Socket, ws: WebSocket, connection: Connection): void {
  const count = () => {
    if (socket.bytesRead > FIRST_BYTES_MAX) ws.terminate();
  };
  socket.on("data", count);
  void connection.registered.then(() => socket.off("data", count));
}

/** The socket is counted nowhere any more, so it goes as soon as this is written: the peer may never close its half. */
function refuseUpgrade(socket: Duplex, status: 403 | 503): void {
  socket.on("error", () => {});
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
}
