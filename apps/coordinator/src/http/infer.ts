import {
  atLeast,
  BODY_BYTES_MAX,
  dialectFor,
  dialects,
  failures,
  NetworkError,
  ourWords,
  toHex,
  utf8,
  type Endpoint,
  type Job,
  type ParamPath,
  type Serial,
  type Sha256Hex,
  type TrustLevel,
} from "@darkbloom/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { KeyRecord } from "../accounts/port.ts";
import type { Ask } from "../inference/ask.ts";
import type { SerialNames } from "../trust/serial-names.ts";
import { anthropicHeaders, readAskHeaders, askHeaders, answerHeaderWords } from "./ask-headers.ts";
import { parseJson, readBody } from "./body.ts";
import { admit } from "./caller.ts";
import { failureResponses, keyed, keyedFailures, type Door, type Route } from "./door.ts";
import { DRAIN_RETRY_SEC, failureOf } from "./failure.ts";
import { watchHangUp } from "./hang-up.ts";
import { PlainReply, StreamReply } from "./reply.ts";
import { untilWritten } from "./unread.ts";

/** The inference endpoints: step 2 of the life of a request. They differ in their dialect alone. */
export const infer = (door: Door, endpoint: Endpoint): Route => {
  const { words } = dialects[endpoint];
  return {
    schema: {
      summary: words.summary,
      description: words.description,
      tags: ["inference"],
      security: keyed,
      headers: endpoint.startsWith("/v1/messages") ? anthropicHeaders : askHeaders,
      body: words.request,
      response: {
        200: {
          description: words.event ? "The answer, or with `stream: true` its server-sent events." : "The answer.",
          content: {
            "application/json": { schema: words.response },
            ...(words.event && { "text/event-stream": { schema: words.event } }),
          },
        },
        ...failureResponses([...keyedFailures, ...inferenceFailures], words.error),
      },
    },
    config: { dialect: dialects[endpoint], responseHeaders: answerHeaderWords },
    handler: (request, reply) => answer(door, endpoint, request, reply),
  };
};

const inferenceFailures = [
  "body_invalid",
  "unsupported",
  "context_length_exceeded",
  "insufficient_funds",
  "not_allowed",
  "model_not_found",
  "idempotency_conflict",
  "payload_too_large",
  "overloaded",
  "capacity_full",
  "provider_fault",
  "provider_gone",
  "provider_silent",
  "engine_ended",
  "receipt_mismatch",
  "provider_busy",
  "no_provider",
  "draining",
  "too_slow",
] as const;

const higherOf = (floor: TrustLevel, wish: TrustLevel = floor): TrustLevel => (atLeast(wish, floor) ? wish : floor);

const isBound = ({ minTrust, pins }: Pick<KeyRecord, "minTrust" | "pins">): boolean =>
  minTrust !== null || pins.length > 0;

/** What the key is bound to and what the request asks for, both. */
function pinsFor(serials: SerialNames, caller: Pick<KeyRecord, "pins">, job: Pick<Job, "pins">): readonly Serial[] {
  const bound = caller.pins.map((pin) => serials.ofPin(pin));
  const asked = job.pins.map((pin) => serials.ofPin(pin));
  if (bound.length === 0 || asked.length === 0) return [...bound, ...asked];
  const both = asked.filter((serial) => bound.includes(serial));
  if (both.length === 0)
    throw new NetworkError({
      code: "unsupported",
      param: "provider_serial" as ParamPath,
      reason: ourWords`this key is bound to other machines, which GET /v1/key names`,
    });
  return both;
}

/**
 * Who asks, may they, what exactly did they send, what does it mean: then `serve` does the rest. Until
 * `serve` is called a refusal is thrown to the server's error handler; from there on the reply ends itself.
 */
async function answer(door: Door, endpoint: Endpoint, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { deps, bodies, answers } = door;
  const { requestId } = request;
  if (deps.isDraining()) throw new NetworkError({ code: "draining", retryAfterSec: DRAIN_RETRY_SEC });
  const hangUp = watchHangUp(request.raw, reply.raw);
  const caller = await admit(door, request.headers, reply);
  const wishes = readAskHeaders(request.headers);
  using room = bodies.share(caller.account);
  const held = answers.share(caller.account);
  using _ = untilWritten(reply.raw, held);
  const body = await readBody(request.raw, BODY_BYTES_MAX, room);
  const json = parseJson(body);
  const dialect = dialectFor(endpoint, json);
  const { job } = dialect.decode(json);
  const ask: Ask = {
    requestId,
    account: caller.account,
    keyId: caller.keyId,
    dialect,
    job,
    body,
    bodySha256: toHex(deps.crypto.sha256(body)) as Sha256Hex,
    minTrust: higherOf(higherOf(deps.settings.minTrustDefault, caller.minTrust ?? undefined), wishes.minTrust),
    pins: pinsFor(deps.serials, caller, job),
    ...(wishes.nonce !== undefined && { nonce: wishes.nonce }),
    ...(wishes.idempotencyKey !== undefined && {
      idempotencyKeySha256: toHex(deps.crypto.sha256(utf8(wishes.idempotencyKey))) as Sha256Hex,
    }),
    held,
    hangUp,
    shutdown: deps.shutdown,
  };

  reply.hijack();
  const to = { response: reply.raw, dialect, requestId, held, hangUp, shutdown: deps.shutdown };
  const answerTo = ask.job.stream ? new StreamReply(to) : new PlainReply(to);
  try {
    await deps.serve(ask, answerTo);
    if (!answerTo.ended) throw new RangeError("served, and the reply was not ended");
  } catch (error) {
    const failed = failureOf(deps.events, requestId, error);
    const failure = failed.code === "no_provider" ? { ...failed, keyIsBound: isBound(caller) } : failed;
    answerTo.fail(failure);
    const { status } = failures[failure.code];
    deps.events.requestFailed({ requestId, failure, status, durationMs: deps.clock.monotonicMs() - request.startedMs });
  }
}
