import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Bounds the connections of a server. One above the bound ends the one that has been without a request for longest, or else
 * one whose answers were made without a key and wait to be read: neither who asks nothing nor who reads nothing shuts anybody
 * out. Where none is such, the new one is closed. What is upgraded is counted elsewhere.
 */
export class Connections {
  readonly #max: number;
  readonly #open: Pick<WeakSet<object>, "has">;
  /** Answers on each that have not left; those without any in the order in which they fell silent. */
  readonly #answers = new Map<Socket, Set<object>>();

  /** @param open answers that are made, and for which nobody showed a key */
  constructor(max: number, open: Pick<WeakSet<object>, "has">) {
    this.#max = max;
    this.#open = open;
  }

  get size(): number {
    return this.#answers.size;
  }

  watch(server: Server): void {
    server.on("connection", (socket) => this.#opened(socket));
    server.on("request", (request, response) => this.#asked(request, response));
    server.on("upgrade", ({ socket }) => this.#answers.delete(socket));
  }

  /** One that was upgraded and is a caller's all the same: it counts, as one that is being answered, until it closes. */
  keep(socket: Socket): void {
    if (!socket.destroyed) this.#answers.set(socket, new Set([socket]));
  }

  #opened(socket: Socket): void {
    const leastMissed = this.#leastMissed() ?? socket;
    this.#answers.set(socket, new Set());
    socket.once("close", () => this.#answers.delete(socket));
    if (this.#answers.size <= this.#max) return;
    // It closes later, and others may have come until then.
    this.#answers.delete(leastMissed);
    leastMissed.destroy();
  }

  #leastMissed(): Socket | undefined {
    if (this.#answers.size < this.#max) return undefined;
    for (const [socket, answers] of this.#answers) if (answers.size === 0) return socket;
    for (const [socket, answers] of this.#answers)
      if (answers.values().every((answer) => this.#open.has(answer))) return socket;
    return undefined;
  }

  #asked({ socket }: IncomingMessage, response: ServerResponse): void {
    this.#change(socket, (answers) => answers.add(response));
    response.once("close", () => this.#change(socket, (answers) => answers.delete(response)));
  }

  #change(socket: Socket, change: (answers: Set<object>) => void): void {
    const answers = this.#answers.get(socket);
    if (answers === undefined) return;
    change(answers);
    this.#answers.delete(socket);
    this.#answers.set(socket, answers);
  }
}
