/** Why a provider may not serve a request; every exclusion has one of these names. */
export const gates = [
  "model_not_served",
  "pinned_elsewhere",
  "not_a_candidate",
  "not_own",
  "owner_only",
  "trust_below_minimum",
  "evidence_failed",
  "challenge_stale",
  "untrusted",
  "not_approved",
  "draining",
  "context_too_small",
  "ejected",
  "already_tried",
] as const;
export type Gate = (typeof gates)[number];
