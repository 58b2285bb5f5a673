import { dialectFor, dialects, inspect, type Dialect, type Endpoint } from "@darkbloom/protocol/dialects";
import { failures, NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type ParamPath } from "@darkbloom/protocol/ids";
import { BODY_BYTES_MAX, SEALED_BODY_BYTES_MAX } from "@darkbloom/protocol/limits";
import { SEALED_REQUEST_TYPE, SEALED_STREAM_TYPE } from "@darkbloom/protocol/sealing";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import type { Ask } from "../inference/ask.ts";
import { callerOf, inferenceAccess } from "./access.ts";
import { clearForm, sealedForm } from "./answer-form.ts";
import {
  anthropicHeaders,
  answerHeaderWords,
  askHeaders,
  askOf,
  asToldTo,
  readAskHeaders,
  refuseClear,
  type Came,
} from "./ask.ts";
import { parseJson } from "./body.ts";
import { readCallerBody } from "./caller-body.ts";
import type { Door, Route } from "./door.ts";
import { failureOf } from "./failure.ts";
import { isSealed, sealedAskOf } from "./sealed-ask.ts";
import { toldOfSealed } from "./sealed-failure.ts";
import { PlainReply, StreamReply, untilWritten, watchHangUp } from "./reply.ts";

/** The inference endpoints: step 2 of the life of a request. They differ in their dialect alone. */
export const infer = (door: Door, endpoint: Endpoint): Route => {
  const { words } = dialects[endpoint];
  return {
    schema: {
      summary: words.summary,
      description: words.description,
      tags: ["inference"],
      headers: endpoint.startsWith("/v1/messages") ? anthropicHeaders : askHeaders,
      body: words.request,
      response: {
        200: {
          description: words.event ? "The answer, or with `stream: true` its server-sent events." : "The answer.",
          content: {
            "application/json": { schema: words.response },
            ...(words.event && { "text/event-stream": { schema: words.event } }),
            [SEALED_STREAM_TYPE]: { schema: z.string().describe("Records, of a request that was sealed") },
          },
        },
      },
    },
    config: {
      ...inferenceAccess,
      fails: inferenceFailures,
      error: words.error,
      dialect: dialects[endpoint],
      otherBodies: { [SEALED_REQUEST_TYPE]: "An envelope, whose bytes are in docs/sealed-mode.md" },
      responseHeaders: answerHeaderWords,
    },
    handler: (request, reply) => answer(door, endpoint, request, reply),
  };
};

const inferenceFailures = [
  "body_invalid",
  "unsupported",
  "context_length_exceeded",
  "insufficient_funds",
  "account_in_debt",
  "key_limit_reached",
  "not_allowed",
  "model_not_allowed",
  "sealing_needed",
  "model_not_found",
  "no_candidate",
  "cannot_open",
  "request_refused",
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
  "too_slow",
] as const;

/**
 * Who asks is known, and that they may. What exactly did they send, what does it mean: then `serve` does the rest. Until
 * `serve` is called a refusal is thrown to the server's error handler; from there on the reply ends itself.
 */
async function answer(door: Door, endpoint: Endpoint, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { deps, bodies, answers } = door;
  const { requestId } = request;
  const hangUp = watchHangUp(request.raw, reply.raw);
  const before = callerOf(request);
  const wishes = readAskHeaders(request.headers);
  using room = bodies.share(before.account);
  const answerRoom = answers.share(before.account);
  using _ = untilWritten(reply.raw, answerRoom);
  const sealed = isSealed(request.headers);
  if (!sealed) refuseClear(before);
  // Before its body is read: each that cannot be opened costs machines a signature.
  const retryAfterSec = sealed ? deps.unopened.waitSec(before.account) : undefined;
  if (retryAfterSec !== undefined) throw new NetworkError({ code: "rate_limit_exceeded", retryAfterSec });
  const body = await readCallerBody(door, request, sealed ? SEALED_BODY_BYTES_MAX : BODY_BYTES_MAX, room);
  const caller = callerOf(request);
  if (!sealed) refuseClear(caller);
  const came = { requestId, caller, wishes, answerRoom, hangUp };
  const { ask, dialect } = sealed
    ? sealedAsk(door, endpoint, { ...came, body })
    : clearAsk(door, endpoint, { ...came, body });

  reply.hijack();
  const form = sealed ? sealedForm : clearForm(dialect);
  const to = { response: reply.raw, dialect, form, requestId, answerRoom, hangUp, shutdown: deps.shutdown };
  const answerTo = ask.terms.stream ? new StreamReply(to) : new PlainReply(to);
  try {
    await deps.serve(ask, answerTo);
    if (!answerTo.ended) throw new RangeError("served, and the reply was not ended");
  } catch (error) {
    const failure = asToldTo(caller, failureOf(deps.events, requestId, error));
    answerTo.fail(failure, sealed ? toldOfSealed(deps, ask, dialect, requestId, failure, error) : undefined);
    const { status } = failures[failure.code];
    deps.events.requestFailed({ requestId, failure, status, durationMs: deps.clock.monotonicMs() - request.startedMs });
  }
}

type CameWithBody = Omit<Came, "dialect" | "inspected">;
interface Understood {
  readonly ask: Ask;
  readonly dialect: Dialect;
}

function clearAsk({ deps }: Door, endpoint: Endpoint, came: CameWithBody): Understood {
  const json = parseJson(came.body);
  const dialect = dialectFor(endpoint, json);
  const inspected = inspect(dialect, json);
  if (inspected.figures.asLines)
    throw new NetworkError({
      code: "unsupported",
      param: "type" as ParamPath,
      reason: ourWords`it belongs to a message over a WebSocket; leave it out, or open one at this path`,
    });
  return { ask: askOf(deps, { ...came, dialect, inspected }), dialect };
}

function sealedAsk({ deps }: Door, endpoint: Endpoint, came: CameWithBody): Understood {
  return { ask: sealedAskOf(deps, endpoint, came), dialect: dialects[endpoint] };
}
