import { bounds, type Cap } from "../ledger/caps.ts";
import type { KeyRates } from "../limits/key-rates.ts";
import type { KeyRecord, KeyTerms } from "./port.ts";

type Capped = Pick<KeyRecord, "keyId" | "limitMicroUsd" | "limitTokens" | "limitReset">;

/** A key's own cap, which may bound nothing. */
export const capOf = ({ keyId, limitMicroUsd, limitTokens, limitReset }: Capped): Cap => ({
  subject: keyId,
  limitMicroUsd,
  limitTokens: limitTokens === null ? null : BigInt(limitTokens),
  reset: limitReset,
});

/** What a request under this key has to fit. */
export const capsOf = (key: Capped): Cap[] => [capOf(key)].filter(bounds);

/** How fast it may be used. */
export const ratesOf = ({ rpmLimit, itpmLimit, otpmLimit }: KeyTerms): KeyRates => ({
  requests: rpmLimit,
  promptTokens: itpmLimit,
  answerTokens: otpmLimit,
});
