/** What a model takes of a machine's memory with so many slots of so many tokens. */
export type MemoryNeed = (slots: number, contextTokens: number) => Promise<number>;

export interface MemoryAsked {
  readonly slots: number;
  readonly contextTokens: number;
}

/** Contexts are tried in steps of so many tokens; llama.cpp rounds to them too. */
const CONTEXT_STEP_TOKENS = 256;
const BYTES_PER_GB = 1e9;

/**
 * Why a model is not loaded: it would take more than there is, and the system would end it without a word. The
 * sentence says what to lower, and how far.
 *
 * @returns undefined where it fits
 */
export async function memoryRefusal(
  modelPath: string,
  asked: MemoryAsked,
  availableBytes: number,
  need: MemoryNeed,
): Promise<string | undefined> {
  const { slots, contextTokens } = asked;
  const neededBytes = await need(slots, contextTokens);
  if (neededBytes <= availableBytes) return undefined;
  const wants = `${modelPath} needs about ${gb(neededBytes)} of memory with ${counted(slots)} of ${contextTokens} tokens, and ${gb(availableBytes)} are free.`;
  const fits = async (ofSlots: number, tokens: number) => (await need(ofSlots, tokens)) <= availableBytes;
  const context = await largest(Math.ceil(contextTokens / CONTEXT_STEP_TOKENS) - 1, async (steps) =>
    fits(slots, steps * CONTEXT_STEP_TOKENS),
  );
  const fewer = await largest(slots - 1, async (count) => fits(count, contextTokens));
  const ways = [
    ...(context > 0 ? [`--context to ${context * CONTEXT_STEP_TOKENS}`] : []),
    ...(fewer > 0 ? [`--slots to ${fewer}`] : []),
  ];
  if (ways.length > 0) return `${wants} Lower ${ways.join(", or ")}.`;
  if (slots > 1 && (await fits(1, CONTEXT_STEP_TOKENS))) return `${wants} Lower both --slots and --context.`;
  return `${wants} Even one slot with a small context does not fit: free memory, or take a smaller model.`;
}

/** The largest number from 1 to `most` that fits, where each smaller one fits too; 0 where none does. */
async function largest(most: number, fits: (count: number) => Promise<boolean>): Promise<number> {
  let known = 0;
  let tooMany = Math.max(0, most) + 1;
  while (tooMany - known > 1) {
    const middle = Math.floor((known + tooMany) / 2);
    if (await fits(middle)) known = middle;
    else tooMany = middle;
  }
  return known;
}

const gb = (bytes: number): string => `${(bytes / BYTES_PER_GB).toFixed(2)} GB`;
const counted = (slots: number): string => (slots === 1 ? "1 slot" : `${slots} slots`);
