import * as z from "zod";
import { fromUtf8, utf8 } from "../bytes.ts";
import { finishReason, hex64, sampling } from "../receipts/receipt-parts.ts";

/**
 * What the last frame of a sealed answer says, as JSON: of an answer, what its receipt commits to; of a refusal, all that
 * there is. Every frame before it is a piece of the body, and the last one is none of it.
 */
export const answerTail = z.discriminatedUnion("kind", [
  z.object({
    v: z.literal(1),
    kind: z.literal("answer"),
    /** Absent where nothing was drawn: of vectors. */
    sampling: sampling.optional(),
    finish_reason: finishReason.optional(),
    /** Over the body: all plaintext before this frame. */
    response_sha256: hex64,
    /** `x-se-signature`: over the 64 characters of that hash. */
    response_signature: z.base64().max(128),
  }),
  z.object({
    v: z.literal(1),
    kind: z.literal("refusal"),
    status: z.int().min(400).max(499),
    /** The error in the dialect's own envelope. */
    body: z.string(),
  }),
]);
export type AnswerTail = z.infer<typeof answerTail>;

export const writeAnswerTail = (tail: AnswerTail): Uint8Array<ArrayBuffer> => utf8(JSON.stringify(tail));

/** @returns undefined for what is no tail */
export function readAnswerTail(plaintext: Uint8Array): AnswerTail | undefined {
  try {
    return answerTail.safeParse(JSON.parse(fromUtf8(plaintext))).data;
  } catch {
    return undefined;
  }
}
