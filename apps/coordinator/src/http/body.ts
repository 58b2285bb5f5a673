import { fromUtf8Body, joinBytes } from "@darkbloom/protocol/bytes";
import { NetworkError, type Failure } from "@darkbloom/protocol/failures";
import { ourWords, type ParamPath } from "@darkbloom/protocol/ids";
import { parseAsWritten } from "@darkbloom/protocol/written-order";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { OVERLOADED_RETRY_SEC, type Share } from "../limits/budget.ts";

/** After a refusal for size the rest of an upload is read and dropped, so that the answer arrives; up to this. */
const BODY_DISCARD_BYTES_MAX = 64 * 1024 * 1024;

/** What a form sends, and `curl -d` where nobody names a type: no form is JSON, whatever it holds. */
const formTypes = /^\s*(?:application\/x-www-form-urlencoded|multipart\/form-data)\s*(?:;|$)/i;
const plainForm = /^\s*application\/x-www-form-urlencoded\s*(?:;|$)/i;

export const isForm = (headers: IncomingHttpHeaders): boolean => plainForm.test(headers["content-type"] ?? "");

/**
 * Reads a body as the exact bytes that were sent.
 *
 * @throws NetworkError `payload_too_large` as soon as that is known, `unsupported` for a compressed
 * body, `body_invalid` for a form, `overloaded` where memory has no room for it, `caller_gone` if the upload breaks off
 */
export function readBody(request: IncomingMessage, maxBytes: number, room: Share): Promise<Uint8Array<ArrayBuffer>> {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding.toLowerCase() !== "identity")
    throw new NetworkError({
      code: "unsupported",
      param: "content-encoding" as ParamPath,
      reason: ourWords`bodies are signed as they are sent, so send them uncompressed`,
    });

  if (formTypes.test(request.headers["content-type"] ?? ""))
    throw new NetworkError({
      code: "body_invalid",
      param: null,
      expected: ourWords`its content-type must be application/json, e.g. curl -H 'content-type: application/json'`,
    });

  return readBytes(request, maxBytes, room);
}

/** The same of a body of any type. @throws NetworkError `payload_too_large`, `overloaded`, `caller_gone` */
export function readBytes(request: IncomingMessage, maxBytes: number, room: Share): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let seenBytes = 0;
    let refused = false;
    const refuse = (failure: Failure) => {
      refused = true;
      chunks.length = 0;
      reject(new NetworkError(failure));
    };
    const tooLarge = () => refuse({ code: "payload_too_large", maxBytes });
    request.on("data", (chunk: Buffer) => {
      seenBytes += chunk.length;
      if (seenBytes > maxBytes + BODY_DISCARD_BYTES_MAX) request.destroy();
      else if (seenBytes > maxBytes) tooLarge();
      else if (refused) return;
      else if (room.grow(chunk.length)) chunks.push(chunk);
      else refuse({ code: "overloaded", retryAfterSec: OVERLOADED_RETRY_SEC });
    });
    const brokenOff = () => reject(new NetworkError({ code: "caller_gone", phase: "before_content" }));
    request.on("end", () => {
      request.off("close", brokenOff);
      resolve(joinBytes(chunks));
    });
    request.on("error", brokenOff);
    request.on("close", brokenOff);
    if (Number(request.headers["content-length"] ?? 0) > maxBytes) tooLarge();
  });
}

/**
 * The body's JSON value, by `parse`, which throws TypeError for what is not UTF-8. The parser's own error is dropped, not passed on: its text quotes the body.
 *
 * @throws NetworkError `body_invalid`
 */
export function parseJson(
  body: Uint8Array,
  parse = (bytes: Uint8Array): unknown => parseAsWritten(fromUtf8Body(bytes)),
): unknown {
  try {
    return parse(body);
  } catch (error) {
    if (error instanceof TypeError)
      throw new NetworkError({ code: "body_invalid", param: null, expected: ourWords`it must be UTF-8` });
    throw new NetworkError({ code: "body_invalid", param: null, expected: ourWords`it must be one JSON object` });
  }
}
