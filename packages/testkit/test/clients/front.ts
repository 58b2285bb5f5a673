import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Shapes } from "./shapes.ts";

/** Headers of one connection, which the next one sets for itself. */
const ofConnection = new Set(["connection", "content-length", "host", "keep-alive", "transfer-encoding"]);

/**
 * Stands between the clients and a network: hands headers and bytes on as they come, and holds each body
 * and event against the SDKs' types.
 */
export class Front implements AsyncDisposable {
  /** The status of every call so far. */
  readonly statuses: number[] = [];
  /** Connections that became WebSockets, which go through as they are. */
  upgrades = 0;
  readonly #server: Server;
  readonly #target: string;
  readonly #shapes: Shapes;

  private constructor(target: string, shapes: Shapes) {
    this.#target = target;
    this.#shapes = shapes;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
    this.#server.on("upgrade", (request, near, head) => {
      this.upgrades++;
      const { hostname, port } = new URL(target);
      const far = connect(Number(port), hostname, () => {
        const lines = [`${request.method} ${request.url} HTTP/1.1`];
        for (let at = 0; at < request.rawHeaders.length; at += 2)
          lines.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`);
        far.write(`${lines.join("\r\n")}\r\n\r\n`);
        far.write(head);
        near.pipe(far).pipe(near);
      });
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const)
        one.on("error", () => other.destroy()).on("close", () => other.destroy());
    });
  }

  static async listen(target: string, shapes: Shapes): Promise<Front> {
    const front = new Front(target, shapes);
    await new Promise<void>((resolve) => front.#server.listen(0, "127.0.0.1", resolve));
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const left = new AbortController();
    response.once("close", () => left.abort());
    const url = new URL(request.url ?? "/", this.#target);
    const answer = await fetch(url, {
      method: request.method ?? "POST",
      headers: Object.entries(request.headersDistinct).flatMap(([name, values = []]) =>
        ofConnection.has(name) ? [] : values.map((value): [string, string] => [name, value]),
      ),
      ...(body.length > 0 && { body }),
      signal: left.signal,
    });
    this.statuses.push(answer.status);
    response.writeHead(answer.status, [...answer.headers].filter(([name]) => !ofConnection.has(name)).flat());
    const type = answer.headers.get("content-type") ?? "";
    const streams = type.startsWith("text/event-stream");
    // What is sealed has no shape that anybody could see.
    const isSealed = type.startsWith("application/vnd.darkbloom.");
    const utf8 = new TextDecoder();
    let unread = "";
    for await (const chunk of answer.body ?? []) {
      response.write(chunk);
      unread += utf8.decode(chunk, { stream: true });
      if (!streams) continue;
      const events = unread.split("\n\n");
      unread = events.pop() ?? "";
      for (const event of events) this.#shapes.event(url.pathname, event);
    }
    const speaks = request.headers["anthropic-version"] === undefined ? "openai" : "anthropic";
    if (!streams && !isSealed) this.#shapes.body(url.pathname, speaks, answer.status, unread);
    response.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
