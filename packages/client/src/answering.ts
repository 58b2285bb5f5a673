import { joinBytes, toHex, utf8 } from "@darkbloom/protocol/bytes";
import { checks } from "@darkbloom/protocol/evidence";
import { responseHeaders } from "@darkbloom/protocol/headers";
import { decodeReceipt } from "@darkbloom/protocol/receipts";
import { AnswerStream, cutOff } from "./answer-stream.ts";
import { bytesOf } from "./bytes-of.ts";
import { errorEvent, wordsOf } from "./error-answer.ts";
import { DarkbloomError } from "./errors.ts";
import { CLIENT_ANSWER_BYTES_MAX } from "./limits.ts";
import { stepOf } from "./steps.ts";
import type { Step } from "./types.ts";
import { verified, type Answering } from "./verified.ts";

/**
 * Gives the answer out as far as it is checked: a plain one when all of it was, a stream but for its end until then.
 *
 * @throws DarkbloomError where a plain one does not hold: nothing of it is given out
 */
export async function checkedAnswer(answering: Answering): Promise<Response> {
  const { response } = answering;
  if (!response.ok) return failed(answering);
  return response.headers.get("content-type")?.startsWith("text/event-stream") === true
    ? streamed(answering, asItCame(answering), headersOf(response))
    : plain(answering);
}

/** An error of the coordinator's own, as it came. */
export function failed({ response, settle }: Answering): Response {
  settle({ outcome: "failed", steps: [stepOf(checks.unknown("answer.error", `status ${response.status}`))] });
  return response;
}

async function plain(answering: Answering): Promise<Response> {
  const { response, ports } = answering;
  const bytes = await bytesOf(response.body, CLIENT_ANSWER_BYTES_MAX);
  if (!bytes) throw new DarkbloomError("answer_too_large", "The answer is longer than any may be.");
  const responseSha256 = toHex(ports.crypto.sha256(bytes));
  await verified(answering, decodeReceipt(response.headers.get(responseHeaders.receipt) ?? ""), {
    responseSha256,
    responseSignature: response.headers.get(responseHeaders.signature) ?? undefined,
    told: response.headers.get(responseHeaders.responseHash) ?? undefined,
  });
  return new Response(bytes, { status: response.status, headers: headersOf(response) });
}

/** What still describes the body once it was read here. */
export function headersOf({ headers }: Response): Headers {
  const kept = new Headers(headers);
  for (const name of ["content-encoding", "content-length", "transfer-encoding"]) kept.delete(name);
  return kept;
}

/** What a stream's bytes are to be read as, and what has to be so before its end goes out. */
export interface Opening {
  /** @returns pieces of the body. @throws DarkbloomError */
  push(bytes: Uint8Array<ArrayBuffer>): readonly Uint8Array<ArrayBuffer>[];
  /** No more comes: checks everything, and settles. @returns the last bytes. @throws DarkbloomError */
  end(stream: AnswerStream): Promise<Uint8Array>;
}

const asItCame = (answering: Answering): Opening => ({
  push: (bytes) => [bytes],
  async end(stream) {
    const ending = stream.end();
    if (ending.kind === "failed") endsFailed(answering);
    else await verified(answering, ending.document, { responseSha256: ending.sha256 });
    return ending.last;
  },
});

export const endsFailed = ({ settle }: Answering): void =>
  settle({ outcome: "failed", steps: [stepOf(checks.unknown("answer.error", "the stream's last event"))] });

/** A stream but for its end, which waits until it was checked. */
export function streamed(answering: Answering, opening: Opening, headers: Headers): Response {
  const { response, settle, ask, ports } = answering;
  const reader = (response.body ?? new Blob().stream()).getReader();
  const stream = new AnswerStream(ports.crypto, ask.endpoint);
  let isOver = false;
  const left = (): void => settle({ outcome: "left", steps: [stepOf(checks.unknown("answer.whole", "it was left"))] });

  /** The next bytes that may go out; none at the end. */
  const next = async (): Promise<Uint8Array | undefined> => {
    while (!isOver) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw ask.signal?.aborted ? error : cutOff(error);
      });
      isOver = done;
      const passed = done
        ? await opening.end(stream)
        : joinBytes(opening.push(value).map((piece) => stream.push(piece)));
      if (passed.length > 0) return passed;
    }
    return undefined;
  };
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const bytes = await next();
          if (bytes) controller.enqueue(bytes);
          else controller.close();
        } catch (error) {
          const isOurs = error instanceof DarkbloomError;
          if (isOurs) settle({ outcome: "refused", error, steps: [wholeness(error)] });
          else left();
          await reader.cancel(error).catch(() => undefined);
          if (!isOurs || answering.brokenStreams === "throw") return controller.error(error);
          controller.enqueue(utf8(errorEvent(wordsOf(error), ask.endpoint, stream.events)));
          controller.close();
        }
      },
      async cancel(reason) {
        left();
        await reader.cancel(reason);
      },
    },
    // Nothing is read ahead: what its program does not take holds the machine up, and not this memory.
    { highWaterMark: 0 },
  );
  return new Response(body, { status: response.status, headers });
}

const wholeness = ({ code }: DarkbloomError): Step =>
  stepOf(checks.fail("answer.whole", `it did not: ${code}`, "Send the request again."));
