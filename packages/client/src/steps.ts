import type { Check } from "@darkbloom/protocol/evidence";
import type { Step, StepSource } from "./types.ts";

/** What each check claims, and on whose word it stands. The first that fits counts. */
const known: readonly (readonly [id: RegExp, source: StepSource, claim: string])[] = [
  [/^answer\.whole$/, "verifier", "The answer came to its proper end"],
  [/^answer\.error$/, "coordinator", "What went wrong, as the coordinator tells it"],
  [/^response\.hash$/, "verifier", "The hash that was told is that of the bytes that came"],
  [/^response\.signature$/, "verifier", "The machine's key signed the hash of the bytes that came"],
  [/^receipt\.present$/, "verifier", "A receipt came with the answer"],
  [/^receipt\.signature$/, "verifier", "The machine's key signed the receipt"],
  [/^receipt\.countersignature$/, "verifier", "The coordinator's key countersigned the receipt"],
  [/^receipt\.request$/, "verifier", "The receipt is of the bytes that were sent"],
  [/^receipt\.response$/, "verifier", "The receipt is of the bytes that came"],
  [/^receipt\.nonce$/, "verifier", "The receipt is of this very request"],
  [/^receipt\.identity$/, "verifier", "The receipt's key is that of a machine whose evidence was verified"],
  [/^receipt\.job$/, "verifier", "The receipt is of the job that the answer's headers name"],
  [/^receipt\.endpoint$/, "verifier", "The receipt names the endpoint that was asked"],
  [/^receipt\.model$/, "verifier", "The receipt names the model that was asked for"],
  [/^receipt\.privacy$/, "verifier", "The receipt names the mode that was asked for"],
  [/^receipt\.hpke_key$/, "verifier", "The key that opened the request is one that it was sealed to"],
  [/^receipt\.\w+_commitment$/, "verifier", "The receipt commits to what both ends of the seal have"],
  [/^receipt\.weights$/, "verifier", "The weights are those that the machine offered under its signature"],
  [/^receipt\.build$/, "verifier", "The weights are those that were asked for, and that the policy allows"],
  [/^receipt\.logged$/, "verifier", "The coordinator's log holds the receipt"],
  [/^receipt\.words$/, "provider", "Which weights really ran, and how many tokens there were"],
  [/^coordinator\.key$/, "coordinator", "The countersigning key is the coordinator's"],
  [/^machine\.accepted$/, "verifier", "The machine is as the policy wants it"],
  [/^log\.keys$/, "verifier", "The coordinator's log holds the machine's keys, and has only grown"],
  [/^log\.witnesses$/, "verifier", "Witnesses of the policy's have signed what the log shows"],
  [/^log\.key$/, "coordinator", "The log's key is the coordinator's"],
  [/^blob\./, "verifier", "What the machine says of itself is signed by its key"],
  [/^offer\./, "verifier", "What the machine can be asked for is signed by its key"],
  [/^hpke\./, "verifier", "The keys that requests are sealed to are the machine's and in force"],
  [/^challenge\./, "verifier", "The machine's key answered a challenge lately, with the same keys"],
  [/^identity\.revoked$/, "verifier", "The machine's key is not withdrawn"],
  [/^machine\.serial$/, "verifier", "The serial belongs to the machine's key"],
  [/^key\.residency$/, "hardware", "The machine's key never leaves its chip"],
  [/^tpm\.activation$/, "coordinator", "The TPM's two keys share one chip"],
  [/^tpm\./, "hardware", "A TPM that its maker vouches for holds the machine's key and says how it was started"],
  [/^apple\./, "hardware", "Apple vouches for the device, and says how it was started"],
  [/^posture\./, "provider", "A protection of the machine is on"],
  [/^software\./, "provider", "Which software runs"],
  [/^published\./, "verifier", "What the coordinator tells of the machine is what its evidence says"],
];

/** A check as a verification document has it. */
export function stepOf(check: Check, source?: StepSource): Step {
  const [, usual, claim] = known.find(([id]) => id.test(check.id)) ?? [undefined, "verifier", check.id];
  return { ...check, claim, source: source ?? usual };
}

/** Every kind of check has its claim: for the test that holds all of them against it. */
export const isKnown = (id: string): boolean => known.some(([pattern]) => pattern.test(id));
