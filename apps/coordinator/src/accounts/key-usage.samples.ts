import { microUsd } from "@darkbloom/protocol/money";
import type { KeyUsage } from "./key-usage.ts";

/** Of a key that nothing bounds and nobody has used. */
export const unused: KeyUsage = {
  usedMicroUsd: microUsd(0n),
  usedTokens: 0,
  remainingMicroUsd: null,
  remainingTokens: null,
  resetsAt: null,
};
