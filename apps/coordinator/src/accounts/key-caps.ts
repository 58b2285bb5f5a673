import { bounds, type Cap } from "../ledger/caps.ts";
import type { KeyRecord } from "./port.ts";

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
