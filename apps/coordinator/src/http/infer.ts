import { dialectFor, dialects, inspect, type Endpoint } from "@darkbloom/protocol/dialects";
import { failures, NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type ParamPath } from "@darkbloom/protocol/ids";
import { BODY_BYTES_MAX } from "@darkbloom/protocol/limits";
import type { FastifyReply, FastifyRequest } from "fastify";
import { callerOf, inferenceAccess } from "./access.ts";
import { anthropicHeaders, answerHeaderWords, askHeaders, askOf, asToldTo, readAskHeaders } from "./ask.ts";
import { parseJson, readBody } from "./body.ts";
import type { Door, Route } from "./door.ts";
import { failureOf } from "./failure.ts";
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
          },
        },
      },
    },
    config: {
      ...inferenceAccess,
      fails: inferenceFailures,
      error: words.error,
      dialect: dialects[endpoint],
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
  const caller = callerOf(request);
  const wishes = readAskHeaders(request.headers);
  using room = bodies.share(caller.account);
  const answerRoom = answers.share(caller.account);
  using _ = untilWritten(reply.raw, answerRoom);
  const body = await readBody(request.raw, BODY_BYTES_MAX, room);
  const json = parseJson(body);
  const dialect = dialectFor(endpoint, json);
  const inspected = inspect(dialect, json);
  if (inspected.figures.asLines)
    throw new NetworkError({
      code: "unsupported",
      param: "type" as ParamPath,
      reason: ourWords`it belongs to a message over a WebSocket; leave it out, or open one at this path`,
    });
  const ask = askOf(deps, { requestId, caller, wishes, dialect, inspected, body, answerRoom, hangUp });

  reply.hijack();
  const to = { response: reply.raw, dialect, requestId, answerRoom, hangUp, shutdown: deps.shutdown };
  const answerTo = ask.terms.stream ? new StreamReply(to) : new PlainReply(to);
  try {
    await deps.serve(ask, answerTo);
    if (!answerTo.ended) throw new RangeError("served, and the reply was not ended");
  } catch (error) {
    const failure = asToldTo(caller, failureOf(deps.events, requestId, error));
    answerTo.fail(failure);
    const { status } = failures[failure.code];
    deps.events.requestFailed({ requestId, failure, status, durationMs: deps.clock.monotonicMs() - request.startedMs });
  }
}
