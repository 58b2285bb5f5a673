import { dialects, fieldOf, inspect, joinTurns, parseRequest } from "@darkbloom/protocol/dialects";
import { failures, NetworkError, type Failure } from "@darkbloom/protocol/failures";
import { ourWords, type AccountId, type ParamPath } from "@darkbloom/protocol/ids";
import { BODY_BYTES_MAX } from "@darkbloom/protocol/limits";
import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { OVERLOADED_RETRY_SEC, type Share } from "../limits/budget.ts";
import { askOf, asToldTo, refuseClear, type AskWishes } from "./ask.ts";
import { parseJson } from "./body.ts";
import { inferenceAccess } from "./access.ts";
import type { Door } from "./door.ts";
import { requestIdOf } from "./every-response.ts";
import { failureOf } from "./failure.ts";
import { SocketReply } from "./socket-reply.ts";

/** How long a connection may be open, as OpenAI has it; and without a request. */
export const SOCKET_LIFE_MS_MAX = 60 * 60_000;
export const SOCKET_IDLE_MS_MAX = 10 * 60_000;
/** A sign of life is asked for this often; a peer that gives none twice has left. */
export const SOCKET_PING_EVERY_MS = 30_000;
/** Requests that wait for the one before them. */
export const SOCKET_WAITING_MAX = 4;
/** Of the latest response and what led to it, kept for the request that goes on with it. */
export const CONVERSATION_BYTES_MAX = 4 * 1024 * 1024;
/** A close that the peer does not answer is a drop after this. */
const SOCKET_CLOSE_WAIT_MS = 2_000;
/** Answers to a peer's pings are left out while more than this waits for it to be read. */
const SOCKET_PONG_BUFFERED_BYTES_MAX = 64 * 1024;
/** What stands around the at most 125 bytes of a client's ping or pong (RFC 6455 §5.2, §5.5). */
const CONTROL_FRAME_BYTES = 6;

/** RFC 6455 §7.4.1. */
const closeCodes = { done: 1000, goingAway: 1001, notText: 1003, policy: 1008, tryAgain: 1013 } as const;
const dialect = dialects["/v1/responses"];

interface Waiting {
  readonly text: Uint8Array<ArrayBuffer>;
  readonly room: Share;
}

/** The latest response: what is said by a request that goes on with it. */
interface Kept {
  readonly id: string;
  readonly texts: readonly Uint8Array<ArrayBuffer>[];
}

/**
 * One caller's WebSocket at `/v1/responses`: a request a message, one after another, each answered by what a stream of the
 * same request would hold. Closing it is hanging up. It keeps the latest response, so that a request may go on with it.
 */
export class CallerSocket {
  readonly #door: Door;
  readonly #account: AccountId;
  readonly #ws: WebSocket;
  readonly #upgrade: IncomingMessage;
  readonly #wishes: AskWishes;
  readonly #openedMs: number;
  readonly #over = new AbortController();
  readonly #waiting: Waiting[] = [];
  /** Bytes of a message that is not whole yet. */
  readonly #gathering: Share;
  readonly #keeping: Share;
  #gatheredBytes = 0;
  #kept: Kept | undefined;
  #heardMs: number;
  #idleSinceMs: number;
  #hangUp: AbortController | undefined;
  #running: Promise<void> | undefined;

  constructor(door: Door, ws: WebSocket, upgrade: IncomingMessage, wishes: AskWishes, account: AccountId) {
    this.#door = door;
    this.#account = account;
    this.#ws = ws;
    this.#upgrade = upgrade;
    this.#wishes = wishes;
    this.#gathering = door.bodies.share(account);
    this.#keeping = door.conversations.share(account);
    this.#openedMs = this.#heardMs = this.#idleSinceMs = door.deps.clock.monotonicMs();
    upgrade.socket.prependListener("data", (chunk: Buffer) => this.#gather(chunk.length));
    ws.on("message", (data, isBinary) => this.#take(data, isBinary));
    ws.on("pong", (data) => this.#gathered(data.length + CONTROL_FRAME_BYTES));
    ws.on("ping", (data) => {
      this.#gathered(data.length + CONTROL_FRAME_BYTES);
      if (ws.bufferedAmount <= SOCKET_PONG_BUFFERED_BYTES_MAX) ws.pong(data);
    });
    // An error is always followed by a close, which is where everything ends.
    ws.on("error", () => {});
    ws.once("close", () => this.#closed());
    void this.#watch().catch(() => {});
  }

  /** Resolves when nothing runs any more. */
  async done(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** For when this coordinator ends. */
  leave(): void {
    this.#close(closeCodes.goingAway, "shutting down");
  }

  #closed(): void {
    this.#over.abort(new Error("closed"));
    this.#hangUp?.abort(new NetworkError({ code: "caller_gone", phase: "after_content" }));
    this.#gathering[Symbol.dispose]();
    this.#keeping[Symbol.dispose]();
    for (const { room } of this.#waiting.splice(0)) room[Symbol.dispose]();
  }

  /** `ws` gathers a message whole before it hands it over; so its bytes are counted as they come. */
  #gather(bytes: number): void {
    this.#heardMs = this.#door.deps.clock.monotonicMs();
    this.#gatheredBytes += bytes;
    if (!this.#gathering.grow(bytes)) this.#close(closeCodes.tryAgain, "this coordinator holds as much as it can");
  }

  #gathered(bytes: number): void {
    this.#gathering.shrink(bytes);
    this.#gatheredBytes = Math.max(0, this.#gatheredBytes - bytes);
  }

  #take(data: WebSocket.RawData, isBinary: boolean): void {
    this.#gathered(this.#gatheredBytes);
    if (this.#over.signal.aborted || this.#ws.readyState !== this.#ws.OPEN) return;
    if (isBinary || !Buffer.isBuffer(data))
      return this.#close(closeCodes.notText, "messages are text: a WebSocket is never sealed");
    if (this.#waiting.length >= SOCKET_WAITING_MAX) return this.#close(closeCodes.policy, "too many requests wait");
    const room = this.#door.bodies.share(this.#account);
    if (!room.grow(data.length)) return this.#close(closeCodes.tryAgain, "this coordinator holds as much as it can");
    this.#waiting.push({ text: Uint8Array.from(data), room });
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
  }

  async #run(): Promise<void> {
    // What waits on a connection that was dropped ends with it.
    for (let next; this.#ws.readyState === this.#ws.OPEN && (next = this.#waiting.shift());) {
      using _room = next.room;
      await this.#answer(next.text, next.room);
      this.#idleSinceMs = this.#door.deps.clock.monotonicMs();
    }
  }

  /** As over HTTP: who asks, may they, what do they mean; then `serve` does the rest. */
  async #answer(text: Uint8Array<ArrayBuffer>, room: Share): Promise<void> {
    const { deps, answers } = this.#door;
    const requestId = requestIdOf({ headers: {} }, deps.random);
    const startedMs = deps.clock.monotonicMs();
    const hangUp = new AbortController();
    this.#hangUp = hangUp;
    using answerRoom = answers.share(this.#account);
    const { shutdown, clock } = deps;
    const reply = new SocketReply({ ws: this.#ws, clock, dialect, hangUp: hangUp.signal, shutdown });
    let goesOn = false;
    let toldTo = (failure: Failure): Failure => failure;
    try {
      if (this.#isOld()) throw tooOld;
      // A message is a request of its own: the key may be gone by now.
      const caller = await this.#door.gate.enter(inferenceAccess, { raw: this.#upgrade, query: undefined });
      toldTo = (failure) => asToldTo(caller, failure);
      refuseClear(caller);
      const before = this.#before(text);
      goesOn = before.length > 0;
      const turns = [...before, text];
      const body = goesOn ? joinTurns(turns) : text;
      if (body.length > BODY_BYTES_MAX) throw new NetworkError({ code: "payload_too_large", maxBytes: BODY_BYTES_MAX });
      if (goesOn && !room.grow(body.length))
        throw new NetworkError({ code: "overloaded", retryAfterSec: OVERLOADED_RETRY_SEC });
      const inspected = inspect(dialect, parseJson(body, parseRequest));
      if (!inspected.figures.asLines)
        throw new NetworkError({
          code: "body_invalid",
          param: "type" as ParamPath,
          expected: ourWords`it must be response.create`,
        });
      const came = {
        requestId,
        caller,
        wishes: this.#wishes,
        dialect,
        inspected,
        body,
        answerRoom,
        hangUp: hangUp.signal,
      };
      await deps.serve(askOf(deps, came), reply);
      if (!reply.ended) throw new RangeError("served, and the reply was not ended");
      this.#keep([...turns, reply.lastLine]);
    } catch (error) {
      // What could not be gone on with is not tried again.
      if (goesOn) this.#forget();
      const failure = toldTo(failureOf(deps.events, requestId, error));
      reply.fail(failure);
      const { status } = failures[failure.code];
      deps.events.requestFailed({ requestId, failure, status, durationMs: clock.monotonicMs() - startedMs });
      if (failure.code === "draining") this.leave();
      if (failure.code === "websocket_connection_limit_reached") this.#close(closeCodes.done, "open for too long");
    } finally {
      // Who reads nothing is told nothing more: refusals too would wait here, each longer than what it answers.
      await reply.taken();
      this.#hangUp = undefined;
    }
  }

  /** What was said before, where a request goes on with the latest response. */
  #before(text: Uint8Array): readonly Uint8Array<ArrayBuffer>[] {
    const id = fieldOf(parseJson(text), "previous_response_id") ?? null;
    if (id === null) return [];
    if (id !== this.#kept?.id) throw new NetworkError({ code: "previous_response_not_found" });
    return this.#kept.texts;
  }

  #keep(texts: readonly Uint8Array<ArrayBuffer>[]): void {
    this.#forget();
    // It may have closed while the last message was on its way.
    if (this.#over.signal.aborted) return;
    const bytes = texts.reduce((sum, { length }) => sum + length, 0);
    const last = texts.at(-1);
    const id = fieldOf(fieldOf(last && parseJson(last), "response"), "id");
    if (typeof id !== "string" || bytes > CONVERSATION_BYTES_MAX || !this.#keeping.grow(bytes)) return;
    this.#kept = { id, texts };
  }

  #forget(): void {
    this.#keeping.shrink(CONVERSATION_BYTES_MAX);
    this.#kept = undefined;
  }

  #isOld(): boolean {
    return this.#door.deps.clock.monotonicMs() - this.#openedMs >= SOCKET_LIFE_MS_MAX;
  }

  /** Looks whether anybody is there, and whether it was long enough. */
  async #watch(): Promise<void> {
    const { clock } = this.#door.deps;
    for (;;) {
      await clock.sleep(SOCKET_PING_EVERY_MS, this.#over.signal);
      const nowMs = clock.monotonicMs();
      if (nowMs - this.#heardMs > 2 * SOCKET_PING_EVERY_MS) return this.#ws.terminate();
      if (!this.#running && this.#isOld()) {
        this.#ws.send(dialect.errorLine?.(tooOld.failure, {}) ?? "", () => undefined);
        return this.#close(closeCodes.done, "open for too long");
      }
      if (!this.#running && nowMs - this.#idleSinceMs >= SOCKET_IDLE_MS_MAX)
        return this.#close(closeCodes.done, "nothing was asked for too long");
      if (this.#ws.bufferedAmount <= SOCKET_PONG_BUFFERED_BYTES_MAX) this.#ws.ping();
    }
  }

  #close(code: number, reason: string): void {
    const { readyState, OPEN } = this.#ws;
    if (readyState !== OPEN) return;
    this.#ws.close(code, reason);
    const late = setTimeout(() => this.#ws.terminate(), SOCKET_CLOSE_WAIT_MS);
    this.#ws.once("close", () => clearTimeout(late));
  }
}

const tooOld = new NetworkError({ code: "websocket_connection_limit_reached", lifeMs: SOCKET_LIFE_MS_MAX });
