import type { DataFolder } from "@darkbloom/protocol/node";
import * as z from "zod";

/** What was measured with one setting of flash attention. */
export const pace = z.object({
  promptTokensPerSec: z.number().nonnegative(),
  decodeTokensPerSec: z.number().nonnegative(),
});
export type Pace = z.infer<typeof pace>;

/** Whether flash attention is used, and why. */
export const attentionFacts = z.object({
  flash: z.boolean(),
  /** What it is true for: the weights, the engine, the device and the threads that were measured. */
  key: z.string().max(1024),
  paces: z.object({ on: pace, off: pace }),
});
export type AttentionFacts = z.infer<typeof attentionFacts>;

/** What a usual request asks for. */
const MIX_PROMPT_TOKENS = 1024;
const MIX_ANSWER_TOKENS = 256;
/** Flash attention takes less memory: without it must be faster by so much. */
const WORTH_IT = 1.02;

/** Whether flash attention answers a usual request sooner. It depends on the model and on the device. */
export const isFlashBetter = ({ on, off }: { readonly on: Pace; readonly off: Pace }): boolean =>
  mixMs(on) <= mixMs(off) * WORTH_IT;

const mixMs = ({ promptTokensPerSec, decodeTokensPerSec }: Pace): number =>
  1000 * (MIX_PROMPT_TOKENS / promptTokensPerSec + MIX_ANSWER_TOKENS / decodeTokensPerSec);

const ATTENTION_FILE = "attention.json";
/** Models that one folder remembers the choice of. */
export const ATTENTIONS_KEPT_MAX = 16;
const attentionFile = z.array(attentionFacts).max(ATTENTIONS_KEPT_MAX);

/** What was measured before. A file that cannot be read is measured again. */
export function attentionsIn(folder: Pick<DataFolder, "read">): AttentionFacts[] {
  try {
    return attentionFile.parse(JSON.parse(folder.read(ATTENTION_FILE)?.toString("utf8") ?? "[]"));
  } catch {
    return [];
  }
}

/** Keeps what was measured now; the oldest goes where there are too many. */
export function keepAttention(folder: Pick<DataFolder, "read" | "write">, facts: AttentionFacts): void {
  const known = attentionsIn(folder);
  if (known.some(({ key }) => key === facts.key)) return;
  folder.write(ATTENTION_FILE, JSON.stringify([...known, facts].slice(-ATTENTIONS_KEPT_MAX)));
}
