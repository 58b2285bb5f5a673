import { atLeast } from "@darkbloom/protocol/evidence";
import { keptTerms, tellChange, unbound, type WireTerms } from "./key-terms.ts";
import type { KeyTerms } from "./port.ts";

/** What no key of a team's account goes beyond, whatever the key itself says. */
export type Ceiling = Pick<KeyTerms, "allowedModels" | "minTrust" | "privacy">;
export type WireCeiling = Pick<WireTerms, "allowed_models" | "min_trust" | "privacy">;

export const noCeiling: Ceiling = pick(unbound);

/** What we have written ourselves, perhaps before a field was there. */
export const keptCeiling = (kept: unknown): Ceiling => pick(keptTerms(kept));

/** As it goes over HTTP and is kept. */
export const tellCeiling = (ceiling: Ceiling): WireCeiling => tellChange(ceiling) as WireCeiling;

function pick({ allowedModels, minTrust, privacy }: KeyTerms): Ceiling {
  return { allowedModels, minTrust, privacy };
}

/** A key as it counts under a ceiling: of each term the stricter. A model must be among those of both, each by any of its names. */
export function under<Key extends KeyTerms>(key: Key, { minTrust, privacy }: Ceiling): Key {
  return {
    ...key,
    minTrust: minTrust !== null && (key.minTrust === null || atLeast(minTrust, key.minTrust)) ? minTrust : key.minTrust,
    privacy: privacy === "sealed" ? privacy : key.privacy,
  };
}
