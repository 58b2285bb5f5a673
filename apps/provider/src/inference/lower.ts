import { dialects, embeddingsBytesMax, parseRequest, type Decoded, type Job } from "@darkbloom/protocol/dialects";
import { NetworkError, type Failure } from "@darkbloom/protocol/failures";
import { ourWords, type ParamPath } from "@darkbloom/protocol/ids";
import { EMBED_ANSWER_BYTES_MAX } from "@darkbloom/protocol/limits";
import type { SealHeader } from "@darkbloom/protocol/sealing";

/** A request that was understood, or why it is refused. */
export type Lowered = { readonly decoded: Decoded } | { readonly refused: Failure };

/**
 * Decodes the body, and refuses one that disagrees with the clear fields that were charged and routed by. Of a sealed one that
 * is all that anybody checks.
 */
export function lower(header: SealHeader, body: Uint8Array, vectorLength = 0): Lowered {
  try {
    const decoded = dialects[header.endpoint].decode(named(parseRequest(body), header));
    const wrong = disagreement(decoded.job, header, vectorLength);
    return wrong === undefined ? { decoded } : { refused: wrong };
  } catch (error) {
    if (error instanceof NetworkError) return { refused: error.failure };
    if (error instanceof SyntaxError)
      return { refused: { ...malformed, expected: ourWords`it must be one JSON object` } };
    if (error instanceof TypeError) return { refused: { ...malformed, expected: ourWords`it must be UTF-8` } };
    throw error;
  }
}

const malformed = { code: "body_invalid", param: null } as const;

/** An alias becomes the model's own name, which answer and receipt have: nothing is told to be what it is not. */
function named(body: unknown, { model, asked_model: asked }: SealHeader): unknown {
  const request = body as { model?: unknown } | null;
  if (asked !== undefined && request?.model === asked) request.model = model;
  return request;
}

function disagreement(job: Job, header: SealHeader, vectorLength: number): Failure | undefined {
  const param = agreements.find(([, holds]) => !holds(job, header))?.[0];
  if (param !== undefined)
    return {
      code: "body_invalid",
      param: param as ParamPath,
      expected: ourWords`it must be as the clear fields of the envelope have it`,
    };
  if (header.mode === "sealed" && job.embed && tooMany(job.embed, vectorLength))
    return {
      code: "body_invalid",
      param: "input" as ParamPath,
      expected: ourWords`so many vectors are more than one answer holds; send fewer inputs at once`,
    };
  return undefined;
}

/** What of a body is said in the clear too, by its field. Of a request in the clear the coordinator wrote it from the body itself. */
const agreements: readonly (readonly [field: string, holds: (job: Job, header: SealHeader) => boolean])[] = [
  ["model", ({ model }, header) => model === header.model],
  ["stream", ({ stream }, header) => stream === header.stream],
  // Lines are for a WebSocket, which is never sealed.
  ["type", ({ asLines }, { mode }) => mode !== "sealed" || asLines !== true],
  ["tools", ({ tools }, { mode, features }) => mode !== "sealed" || tools.length === 0 || features.includes("tools")],
  ["provider_serial", ({ pins }, { mode, pins: told }) => mode !== "sealed" || pins.every((pin) => told.includes(pin))],
  ["n", ({ choices, generates }, { max_tokens: most }) => !generates || choices <= most],
];

const tooMany = ({ inputs, dimensions, encoding }: NonNullable<Job["embed"]>, vectorLength: number): boolean =>
  embeddingsBytesMax(inputs.length, dimensions ?? vectorLength, encoding) > EMBED_ANSWER_BYTES_MAX;
