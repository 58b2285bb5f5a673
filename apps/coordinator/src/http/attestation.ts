import { publishedEvidence, type Attestation, type Verdict } from "@darkbloom/protocol/evidence";
import type { PublishedMachine } from "../machines/ports.ts";

/** What one machine shows of itself, as the API tells it. */

const AGE = '"age_sec":';

/** By its verdict, since that is another whenever what a machine shows is: what was spelled, up to the verdict's age. */
const spelled = new WeakMap<Verdict, { readonly of: PublishedMachine; readonly text: string }>();

/** As JSON, one after another. */
export const spelledAttestations = (shown: readonly PublishedMachine[], now: number): string =>
  shown.map((one) => spelledAttestation(one, now)).join(",");

/** As JSON. To spell it anew whenever somebody asks, a tenth of a second for a thousand machines, would let anybody stop a coordinator. */
function spelledAttestation(shown: PublishedMachine, now: number): string {
  const { verdict } = shown.machine;
  const known = spelled.get(verdict);
  if (known && isShownAlike(known.of, shown)) return `${known.text}${AGE}${ageSec(verdict, now)}}}`;
  const whole = JSON.stringify(attestationOf(shown, now));
  const text = whole.slice(0, whole.lastIndexOf(AGE));
  spelled.set(verdict, { of: shown, text });
  return `${text}${AGE}${ageSec(verdict, now)}}}`;
}

const isShownAlike = (one: PublishedMachine, other: PublishedMachine): boolean =>
  one.machine.providerId === other.machine.providerId &&
  one.machine.evidenceSha256 === other.machine.evidenceSha256 &&
  one.evidence.challenge?.answer === other.evidence.challenge?.answer;

const ageSec = ({ at }: Verdict, now: number): number => Math.max(0, Math.round((now - Date.parse(at)) / 1000));

export function attestationOf({ machine, evidence, path }: PublishedMachine, now: number): Attestation {
  const { verdict } = machine;
  return {
    provider_id: machine.providerId,
    provider_serial: machine.toldSerial ?? null,
    se_public_key: machine.identityKey,
    chip_name: machine.chipName,
    hardware_model: machine.hardwareModel,
    models: machine.models.map(({ build }) => build),
    trust_level: verdict.level,
    evidence_sha256: machine.evidenceSha256,
    evidence: publishedEvidence(evidence, machine.platform, path),
    verdict: {
      level: verdict.level,
      checks: [...verdict.checks],
      at: verdict.at,
      // The last one: see above.
      age_sec: ageSec(verdict, now),
    },
  };
}
