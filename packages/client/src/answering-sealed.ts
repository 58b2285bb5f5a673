import { fromHex, joinBytes, toHex, utf8 } from "@darkbloom/protocol/bytes";
import { checks } from "@darkbloom/protocol/evidence";
import { responseHeaders } from "@darkbloom/protocol/headers";
import { encodeReceipt, receiptComment } from "@darkbloom/protocol/receipts";
import { commitmentsOf, SEALED_STREAM_TYPE, type AnswerError } from "@darkbloom/protocol/sealing";
import { endsFailed, failed, headersOf, streamed, type Opening } from "./answering.ts";
import { bytesOf } from "./bytes-of.ts";
import { errorBody, errorEvent, type ErrorWords } from "./error-answer.ts";
import { DarkbloomError } from "./errors.ts";
import { CLIENT_ANSWER_BYTES_MAX } from "./limits.ts";
import { SealedAnswer, type SealedEnding } from "./sealed-answer.ts";
import type { Candidate, SealedSent } from "./sealed-request.ts";
import { stepOf } from "./steps.ts";
import { verified, type Answering, type Came } from "./verified.ts";

export interface AnsweringSealed extends Answering {
  readonly sent: SealedSent;
}

/**
 * Opens an answer and gives it out as far as it is checked, in the dialect's own form: what is sealed is seen by nobody else.
 *
 * @throws DarkbloomError where a plain one does not hold: nothing of it is given out
 */
export async function openedAnswer(answering: AnsweringSealed): Promise<Response> {
  const { response, ask, sent, ports } = answering;
  const isSealed = response.headers.get("content-type")?.startsWith(SEALED_STREAM_TYPE) === true;
  if (!isSealed && !response.ok) return failed(answering);
  if (!isSealed)
    throw new DarkbloomError("answer_false", "The answer came in the clear, though its request was sealed.");
  // Who refuses need not be named: it is the one whose key opens it.
  if (!response.ok) return whole(answering, sent.candidates);
  const providerId = response.headers.get(responseHeaders.providerId);
  const candidate = sent.candidates.find(({ machine }) => machine.attestation.provider_id === providerId);
  if (!candidate)
    throw new DarkbloomError("machine_unverified", "A machine answered to which the request was not sealed.");
  if (!ask.stream) return whole(answering, [candidate]);
  const headers = headersOf(response);
  headers.set("content-type", "text/event-stream; charset=utf-8");
  return streamed(answering, opening(answering, new SealedAnswer(ports, candidate), candidate), headers);
}

/** A plain answer, or what a machine refuses. */
async function whole(answering: AnsweringSealed, openers: readonly Candidate[]): Promise<Response> {
  const { response, ports, sent, settle } = answering;
  // Frames are padded: a short one is up to eight times as long as what it says.
  const bytes = await bytesOf(response.body, 2 * CLIENT_ANSWER_BYTES_MAX);
  if (!bytes) throw new DarkbloomError("answer_too_large", "The answer is longer than any may be.");
  const { candidate, pieces, ending } = openedBy(answering, openers, bytes);
  const headers = headersOf(response);
  headers.set("content-type", "application/json; charset=utf-8");
  if (ending.kind === "refusal") {
    settle({
      outcome: "failed",
      steps: [stepOf(checks.unknown("answer.error", "the machine's own refusal"), "provider")],
    });
    return new Response(ending.tail.body, { status: ending.tail.status, headers });
  }
  if (ending.kind === "error") {
    settle({ outcome: "failed", steps: [stepOf(checks.unknown("answer.error", ending.error.code))] });
    return new Response(errorBody(toldBy(ending.error), sent.header.endpoint), {
      status: ending.error.status,
      headers,
    });
  }
  const body = joinBytes(pieces);
  const sha256 = toHex(ports.crypto.sha256(body));
  await verified(answering, ending.document, cameOf(answering, candidate, ending, sha256));
  headers.set(responseHeaders.responseHash, sha256);
  headers.set(responseHeaders.signature, ending.tail.response_signature);
  headers.set(responseHeaders.receipt, encodeReceipt(ending.document));
  return new Response(body, { status: response.status, headers });
}

/** By the first whose key opens it. @throws DarkbloomError of the last one whose does not */
function openedBy({ ports }: AnsweringSealed, openers: readonly Candidate[], bytes: Uint8Array) {
  let fault: unknown;
  for (const candidate of openers) {
    try {
      const answer = new SealedAnswer(ports, candidate);
      const pieces = answer.push(bytes);
      return { candidate, pieces, ending: answer.end() };
    } catch (error) {
      fault = error;
    }
  }
  throw fault ?? new DarkbloomError("machine_unverified", "A machine answered to which the request was not sealed.");
}

const opening = (answering: AnsweringSealed, answer: SealedAnswer, candidate: Candidate): Opening => ({
  push: (bytes) => answer.push(bytes),
  async end(stream) {
    const ending = answer.end();
    if (ending.kind === "error") {
      endsFailed(answering);
      return utf8(errorEvent(toldBy(ending.error), answering.sent.header.endpoint, stream.events));
    }
    if (ending.kind === "refusal") throw new DarkbloomError("answer_false", "A stream that began ends as a refusal.");
    const body = stream.end();
    if (body.kind === "failed") {
      endsFailed(answering);
      return body.last;
    }
    await verified(answering, ending.document, cameOf(answering, candidate, ending, body.sha256));
    return joinBytes([body.last, utf8(receiptComment(ending.document))]);
  },
});

/** What both ends come to, from what was sealed and what was opened. */
function cameOf(
  { ports, sent }: AnsweringSealed,
  { secret, keyId, machine }: Candidate,
  { tail, recordsSha256 }: Extract<SealedEnding, { kind: "answer" }>,
  responseSha256: string,
): Came {
  const commitments = commitmentsOf(ports, secret.commitmentKeys(), {
    ...tail,
    requestSha256: sent.plaintextSha256,
    responseSha256: fromHex(responseSha256),
  });
  return {
    responseSha256: recordsSha256,
    responseSignature: tail.response_signature,
    told: tail.response_sha256,
    sealed: { responseSha256, commitments, hpkeKeyId: keyId },
    candidate: machine,
  };
}

const toldBy = ({ code, message }: AnswerError): ErrorWords => ({ type: "server_error", code, message });
