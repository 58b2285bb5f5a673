import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Bounds the connections of a server. One above the bound ends the one that has been without a request for longest: a
 * silent crowd shuts nobody out. Where every one is being answered, the new one is closed. What is upgraded is
 * counted elsewhere.
 */
export class Connections {
  readonly #max: number;
  /** Requests that are being answered on each; those without any in the order in which they fell silent. */
  readonly #requests = new Map<Socket, number>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#requests.size;
  }

  watch(server: Server): void {
    server.on("connection", (socket) => this.#opened(socket));
    server.on("request", (request, response) => this.#asked(request, response));
    server.on("upgrade", ({ socket }) => this.#requests.delete(socket));
  }

  /** One that was upgraded and is a caller's all the same: it counts, as one that is being answered, until it closes. */
  keep(socket: Socket): void {
    if (!socket.destroyed) this.#requests.set(socket, 1);
  }

  #opened(socket: Socket): void {
    this.#requests.set(socket, 0);
    socket.once("close", () => this.#requests.delete(socket));
    if (this.#requests.size > this.#max) this.#longestSilent()?.destroy();
  }

  #longestSilent(): Socket | undefined {
    for (const [socket, requests] of this.#requests) if (requests === 0) return socket;
    return undefined;
  }

  #asked({ socket }: IncomingMessage, response: ServerResponse): void {
    this.#change(socket, 1);
    response.once("close", () => this.#change(socket, -1));
  }

  #change(socket: Socket, by: number): void {
    const requests = this.#requests.get(socket);
    if (requests === undefined) return;
    this.#requests.delete(socket);
    this.#requests.set(socket, requests + by);
  }
}
