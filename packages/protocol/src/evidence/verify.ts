import { concatBytes, equalBytes, fromBase64OrNothing, fromUtf8, toHex, utf8 } from "../bytes.ts";
import { CHALLENGE_AGE_MAX_MS, CLOCK_SKEW_MS, HPKE_KEY_LIFE_MS, SIGNED_BYTES_MAX } from "../limits.ts";
import type { Crypto } from "../ports.ts";
import { canBeSealedTo, PUBLIC_KEY_BYTES } from "../sealing/public-keys.ts";
import {
  challengeAnswer,
  offer as offerSchema,
  registrationBlob,
  tags,
  type ChallengeAnswer,
  type Offer,
  type RegistrationBlob,
} from "../wire/registration.ts";
import { CALLER_NONCE_BYTES, rootOfPath } from "./caller-nonces.ts";
import { either, fail, pass, unknown } from "./check.ts";
import { hardwareChecks } from "./hardware.ts";
import { isShownOnly, levelOf } from "./levels.ts";
import { serialChecks } from "./serials.ts";
import type { Evidence, Policy, Verdict } from "./verdict.ts";
import type { Check } from "./check.ts";

/** A shorter nonce could have been guessed, and its answer kept. */
const CHALLENGE_NONCE_BYTES = 32;

/** The blob as its signed bytes say it; undefined where they are not one. */
export const readBlob = (bytes: Uint8Array): RegistrationBlob | undefined => read(registrationBlob, bytes);

/** The offer as its signed bytes say it; undefined where they are not one. */
export const readOffer = (bytes: Uint8Array): Offer | undefined => read(offerSchema, bytes);

/** An answer to a challenge as its signed bytes say it; undefined where they are not one. */
export const readAnswer = (bytes: Uint8Array): ChallengeAnswer | undefined => read(challengeAnswer, bytes);

/**
 * Evidence in, verdict out: the level that a machine has shown, and every check by name. The same
 * function decides in the coordinator, in the client library and in a browser; it asks nobody and is
 * the same for the same input. It has one signature checked after the other, so that no machine's
 * evidence, however large, takes all the threads that check.
 *
 * What each level needs stands in `levels.ts`. Checks that read `unknown` grant nothing and take nothing away.
 *
 * @param now milliseconds since 1970
 */
export async function verify(crypto: Crypto, evidence: Evidence, policy: Policy, now: number): Promise<Verdict> {
  const at = new Date(now).toISOString();
  const blob = readBlob(evidence.blob);
  if (!blob) return { level: "none", checks: [fail("blob.shape", "not a registration blob", UPDATE)], at };

  const checks = [
    pass("blob.shape", "a registration blob, version 1"),
    await blobSignature(crypto, blob, evidence),
    ...(policy.moment === "registration" ? [blobFresh(blob, now)] : []),
    hpkeKeys(crypto, blob, now),
    await offerSignature(crypto, blob, evidence),
    ...(await challengeChecks(crypto, blob, evidence, now)),
    ...(policy.callerNonce ? [callerNonceCheck(crypto, evidence, policy.callerNonce)] : []),
    ...postureChecks("posture", blob.posture, blob.platform),
    ...serialChecks(crypto, blob, policy),
    revocationCheck(crypto, blob, policy),
    ...(await hardwareChecks(crypto, blob, evidence, policy, now)),
    unknown("software.identity", "the machine's own word; nothing measured it"),
  ];
  return { level: levelOf(checks, blob.platform), checks, at };
}

const UPDATE = "Update the provider's software, then start it again.";
const RESTART = "Start the provider again.";
const CLOCK = "Set the machine's clock (turn on network time), then start the provider again.";

async function blobSignature(
  crypto: Crypto,
  blob: RegistrationBlob,
  { blob: bytes, blobSignature: signature }: Evidence,
): Promise<Check> {
  const message = concatBytes(utf8(tags.registration), bytes);
  return (await crypto.verifyP256(keyOf(blob), message, signature))
    ? pass("blob.signature", "made by the identity key")
    : fail("blob.signature", "not made by the identity key that the blob names", RESTART);
}

/** "Fresh within 2 min at registration": an older one may be a replay. */
function blobFresh(blob: RegistrationBlob, now: number): Check {
  const ageMs = now - Date.parse(blob.at);
  return Math.abs(ageMs) <= CLOCK_SKEW_MS
    ? pass("blob.fresh", `${seconds(ageMs)} s old`)
    : fail("blob.fresh", `${seconds(ageMs)} s old at registration`, CLOCK);
}

function hpkeKeys(crypto: Crypto, blob: RegistrationBlob, now: number): Check {
  for (const { id, suite, public_key, expires_at } of blob.hpke_keys) {
    const raw = fromBase64OrNothing(public_key);
    if (raw.length !== PUBLIC_KEY_BYTES[suite] || toHex(crypto.sha256(raw)) !== id)
      return fail("hpke.keys", "a key that does not match its id", UPDATE);
    if (!canBeSealedTo(suite, raw)) return fail("hpke.keys", "a key to which nothing can be sealed", UPDATE);
    const leftMs = Date.parse(expires_at) - now;
    if (leftMs <= 0) return fail("hpke.keys", `a key that expired ${seconds(-leftMs)} s ago`, CLOCK);
    if (leftMs > HPKE_KEY_LIFE_MS + CLOCK_SKEW_MS)
      return fail("hpke.keys", "a key that lives longer than a day", CLOCK);
  }
  return pass("hpke.keys", `${blob.hpke_keys.length} in force`);
}

/** Whose it is, it says itself: for a signature alone a second key can be found that fits it. */
async function offerSignature(
  crypto: Crypto,
  blob: RegistrationBlob,
  { offer: bytes, offerSignature: signature }: Evidence,
): Promise<Check> {
  const id = "offer.signature";
  const offer = readOffer(bytes);
  if (!offer) return fail(id, "not an offer", UPDATE);
  if (offer.identity_key !== blob.identity_key) return fail(id, "another machine's offer", RESTART);
  return either(
    id,
    await crypto.verifyP256(keyOf(blob), concatBytes(utf8(tags.offer), bytes), signature),
    "made by the identity key",
    "not made by the identity key that the blob names",
    RESTART,
  );
}

async function challengeChecks(
  crypto: Crypto,
  blob: RegistrationBlob,
  evidence: Evidence,
  now: number,
): Promise<Check[]> {
  const { challenge } = evidence;
  if (!challenge) return [unknown("challenge.answered", "none answered yet", "Wait for the first challenge.")];
  const message = concatBytes(utf8(tags.challenge), challenge.answer);
  const signed = await crypto.verifyP256(keyOf(blob), message, challenge.signature);
  const answer = readAnswer(challenge.answer);
  if (!answer) return [fail("challenge.answered", "not an answer to a challenge", UPDATE)];

  const ageMs = now - Date.parse(answer.at);
  const ids = new Set(blob.hpke_keys.map(({ id }) => id));
  const sameKeys = new Set(answer.hpke_key_ids).symmetricDifference(ids).size === 0;
  const sameRoot = answer.callers_root === challenge.callersRoot;
  return [
    pass("challenge.answered", "yes"),
    either("challenge.signature", signed, "made by the identity key", "not made by the identity key", RESTART),
    either(
      "challenge.nonce",
      challenge.nonce.length === CHALLENGE_NONCE_BYTES &&
        equalBytes(fromBase64OrNothing(answer.nonce), challenge.nonce) &&
        sameRoot,
      "the one that was sent",
      "another than was sent",
      RESTART,
    ),
    either(
      "challenge.blob",
      answer.blob_sha256 === toHex(crypto.sha256(evidence.blob)),
      "names this blob",
      "names another blob",
      RESTART,
    ),
    either(
      "challenge.offer",
      answer.offer_sha256 === toHex(crypto.sha256(evidence.offer)),
      "names this offer",
      "names another offer",
      RESTART,
    ),
    either("challenge.keys", sameKeys, "the blob's keys", "other keys than the blob's", RESTART),
    either(
      "challenge.fresh",
      ageMs <= CHALLENGE_AGE_MAX_MS + CLOCK_SKEW_MS && ageMs >= -CLOCK_SKEW_MS,
      `${seconds(ageMs)} s old`,
      `${seconds(ageMs)} s old`,
      CLOCK,
    ),
    ...postureChecks("posture.now", answer.posture, blob.platform),
  ];
}

/** A caller who finds its own nonce under the signed root knows that the answer is younger than its question. */
function callerNonceCheck(
  crypto: Crypto,
  { challenge }: Evidence,
  { nonce, path }: NonNullable<Policy["callerNonce"]>,
): Check {
  const root = rootOfPath(crypto, nonce, path);
  return either(
    "challenge.caller_nonce",
    nonce.length === CALLER_NONCE_BYTES && root !== undefined && root === challenge?.callersRoot,
    "your nonce is under the signed root",
    "your nonce is not under the signed root",
    "Ask again with a nonce: the machine was away, or answered an older challenge.",
  );
}

const REVOKED = "identity.revoked";

function revocationCheck(crypto: Crypto, blob: RegistrationBlob, { revocations }: Policy): Check {
  if (!revocations) return unknown(REVOKED, "no revocation list was given");
  return either(
    REVOKED,
    !revocations.identityKeySha256.has(toHex(crypto.sha256(keyOf(blob)))),
    `not in the list of ${new Date(revocations.at).toISOString()}`,
    `withdrawn by the list of ${new Date(revocations.at).toISOString()}`,
    "Ask the operator why. A new identity begins with an empty data folder.",
  );
}

const postureChecks = (
  prefix: string,
  posture: ChallengeAnswer["posture"],
  platform: RegistrationBlob["platform"],
): Check[] =>
  Object.entries(posture).map(([name, status]) => {
    const id = `${prefix}.${name}`;
    if (status === "unknown") return unknown(id, "could not be read there");
    return either(
      id,
      status === "pass",
      "the machine says pass",
      isShownOnly(id, platform) ? "the machine says fail; no level asks for it" : "the machine says fail",
      "Turn this protection on, then start the provider again.",
    );
  });

const keyOf = (blob: RegistrationBlob): Uint8Array => fromBase64OrNothing(blob.identity_key);

function read<T>(schema: { safeParse(value: unknown): { data?: T | undefined } }, bytes: Uint8Array): T | undefined {
  if (bytes.length > SIGNED_BYTES_MAX) return undefined;
  try {
    return schema.safeParse(JSON.parse(fromUtf8(bytes))).data;
  } catch {
    return undefined;
  }
}

const seconds = (ms: number): number => Math.round(ms / 1000);
