import {
  atLeast,
  evidenceFrom,
  failuresOf,
  readAnswer,
  readBlob,
  readOffer,
  verifyPublished,
  type Attestation,
  type Check,
  type Verdict,
} from "@darkbloom/protocol/evidence";
import { CHALLENGE_AGE_MAX_MS } from "@darkbloom/protocol/limits";
import type { Crypto } from "@darkbloom/protocol/ports";
import type { Offer, RegistrationBlob } from "@darkbloom/protocol/wire";
import type { Logged } from "./log-watch.ts";
import type { Rules } from "./policy.ts";
import type { AllowedBuild } from "./types.ts";

/** Why nothing is sent to a machine. */
export type Refusal =
  | "evidence_false"
  | "evidence_stale"
  | "clock_off"
  | "below_level"
  | "not_pinned"
  | "other_build"
  | "not_logged"
  | "not_logged_yet";

/** A machine as this library has judged it, by the evidence itself. */
export interface Machine {
  readonly attestation: Attestation;
  readonly verdict: Verdict;
  readonly blob: RegistrationBlob | undefined;
  readonly models: Offer["models"];
  /** When its evidence is worth nothing any longer, milliseconds since 1970. */
  readonly expiresAt: number;
  readonly refusal: Refusal | undefined;
  /** Where the coordinator's log holds its keys, where that is asked for. */
  readonly logged?: Logged;
}

/** These tell of a machine that was away, not of one that lies. */
const aged: readonly string[] = ["challenge.fresh", "hpke.keys"];

/** What a machine's evidence comes to under these rules; whatever the coordinator says of it beside that. */
export async function judge(crypto: Crypto, attestation: Attestation, rules: Rules, now: number): Promise<Machine> {
  const verdict = await verifyPublished(crypto, attestation, rules.machines, now);
  const evidence = evidenceFrom(attestation.evidence);
  const blob = readBlob(evidence.blob);
  const models = readOffer(evidence.offer)?.models ?? [];
  const answered = evidence.challenge && readAnswer(evidence.challenge.answer);
  const ends = [
    Date.parse(answered?.at ?? "") + CHALLENGE_AGE_MAX_MS,
    ...(blob?.hpke_keys ?? []).map(({ expires_at }) => Date.parse(expires_at)),
  ];
  // Without an answer the least is no number. One that joined just now has answered no challenge yet.
  const expiresAt = ends.reduce((least, end) => Math.min(least, end)) || 0;
  // Where nothing is asked for, nothing ends.
  const judged = { attestation, verdict, blob, models, expiresAt: rules.minTrust === "none" ? Infinity : expiresAt };
  return { ...judged, refusal: refusalOf(judged, rules, now) };
}

function refusalOf(machine: Omit<Machine, "refusal">, rules: Rules, now: number): Refusal | undefined {
  const { attestation, verdict, blob, models, expiresAt } = machine;
  if (!blob) return "evidence_false";
  const failed = failuresOf(verdict.checks, blob.platform).filter((check) => !isUnderstated(check, machine));
  if (rules.minTrust !== "none") {
    if (failed.some(({ id }) => !aged.includes(id))) return "evidence_false";
    if (failed.length > 0 || expiresAt <= now) return "evidence_stale";
  }
  if (rules.pins && !rules.pins.has(attestation.provider_serial ?? blob.serial)) return "not_pinned";
  if (!atLeast(verdict.level, rules.minTrust)) return "below_level";
  return models.some((model) => isAllowed(rules.builds, model)) ? undefined : "other_build";
}

/** The coordinator, which may lack a maker's root, says less of it than it shows. */
const isUnderstated = ({ id }: Check, { attestation, verdict }: Omit<Machine, "refusal">): boolean =>
  id === "published.level" && atLeast(verdict.level, attestation.trust_level);

export const isAllowed = (
  allowed: readonly AllowedBuild[] | undefined,
  one: { readonly build: string; readonly weights_sha256: string },
): boolean =>
  allowed === undefined ||
  allowed.some(
    ({ build, weightsSha256 }) =>
      (build === undefined || build === one.build) &&
      (weightsSha256 === undefined || weightsSha256 === one.weights_sha256),
  );
