import { dialects } from "@darkbloom/protocol/dialects";
import { failures, NetworkError } from "@darkbloom/protocol/failures";
import { requestHeaders } from "@darkbloom/protocol/headers";
import { ourWords, type AccountId, type ParamPath } from "@darkbloom/protocol/ids";
import { BODY_BYTES_MAX } from "@darkbloom/protocol/limits";
import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { OVERLOADED_RETRY_SEC } from "../limits/budget.ts";
import { readAskHeaders } from "./ask.ts";
import { CallerSocket } from "./caller-socket.ts";
import type { Known } from "./access.ts";
import type { Door } from "./door.ts";
import { requestIdOf } from "./every-response.ts";
import { failureHeaders, failureOf } from "./failure.ts";
import { isSealed } from "./sealed-ask.ts";
import { isForeignHost } from "./peer.ts";

/** Connections of one account at once. 429 above it. */
export const SOCKETS_PER_ACCOUNT_MAX = 16;

/** The WebSockets at `/v1/responses`: who may open one, and how many there are. */
export class CallerSockets {
  readonly #door: Door;
  readonly #open = new Set<CallerSocket>();
  readonly #ofAccount = new Map<AccountId, number>();
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: BODY_BYTES_MAX,
    perMessageDeflate: false,
    clientTracking: false,
    // Answered by each connection, where what waits is looked at first.
    autoPong: false,
  });

  constructor(door: Door) {
    this.#door = door;
  }

  async upgrade(declared: Known, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { deps } = this.#door;
    const requestId = requestIdOf(request, deps.random);
    const startedMs = deps.clock.monotonicMs();
    socket.on("error", () => {});
    try {
      if (deps.settings.ownHostOnly === true && isForeignHost(request.headers.host))
        throw new NetworkError({ code: "not_allowed" });
      const { account } = await this.#door.gate.enter(declared, { raw: request, query: undefined });
      const wishes = readAskHeaders(request.headers);
      if (wishes.idempotencyKey !== undefined)
        throw new NetworkError({
          code: "unsupported",
          param: requestHeaders.idempotencyKey as ParamPath,
          reason: ourWords`a connection holds many requests; send one that may come again over HTTP`,
        });
      if (isSealed(request.headers))
        throw new NetworkError({
          code: "unsupported",
          param: "content-type" as ParamPath,
          reason: ourWords`a WebSocket is never sealed; send each request as an envelope over HTTP`,
        });
      const others = this.#ofAccount.get(account) ?? 0;
      if (others >= SOCKETS_PER_ACCOUNT_MAX)
        throw new NetworkError({ code: "rate_limit_exceeded", retryAfterSec: OVERLOADED_RETRY_SEC });
      if (socket.destroyed) return;
      this.#server.handleUpgrade(request, socket, head, (ws) => {
        const caller = new CallerSocket(this.#door, ws, request, wishes, account);
        this.#open.add(caller);
        this.#ofAccount.set(account, (this.#ofAccount.get(account) ?? 0) + 1);
        ws.once("close", () => {
          this.#open.delete(caller);
          const left = (this.#ofAccount.get(account) ?? 1) - 1;
          if (left > 0) this.#ofAccount.set(account, left);
          else this.#ofAccount.delete(account);
        });
      });
    } catch (error) {
      const failure = failureOf(deps.events, requestId, error);
      const { status } = failures[failure.code];
      const durationMs = deps.clock.monotonicMs() - startedMs;
      deps.events.requestFailed({ requestId, failure, status, durationMs });
      const body = dialects["/v1/responses"].errorBody(failure, requestId);
      const headers = { ...failureHeaders(failure), "x-request-id": requestId, "request-id": requestId };
      refuse(socket, status, headers, body);
    }
  }

  /** Resolves when nothing runs over any of them. */
  async written(): Promise<void> {
    await Promise.all([...this.#open].map((caller) => caller.done()));
  }

  close(): void {
    for (const caller of this.#open) caller.leave();
  }
}

/** The socket goes as soon as this is written: the peer may never close its half. */
function refuse(socket: Duplex, status: number, headers: Readonly<Record<string, string>>, body: string): void {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.once("finish", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
