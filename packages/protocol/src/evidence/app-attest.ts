import { decode } from "cborg";
import * as z from "zod";
import { equalBytes, utf8 } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import { parseCertificate, type Certificate } from "../x509/certificate.ts";
import { explicitTag, readDer, TAG } from "../x509/der.ts";
import { verifyPath, type Path, type PathRules } from "../x509/path.ts";
import { ATTESTATION_BYTES_MAX, type AppAttestEvidence } from "./apple-evidence.ts";
import { APPLE_RANDOM_BYTES, appleNonce, NO_PATH, NO_ROOT, pathFaultWords } from "./apple.ts";
import { either, fail, pass, unknown, WITHHELD } from "./check.ts";
import type { Check } from "./verdict.ts";
import type { PinnedRoot } from "./vendor-roots.ts";

export interface AppAttestPolicy {
  readonly appleRoots: readonly PinnedRoot[];
  /** Team and bundle identifier, e.g. `ABCDE12345.org.example.provider`. */
  readonly appId: string;
  readonly environment: "production" | "development";
}

const rules: PathRules = { criticalExtensions: [], leafMayBeCa: false };

/** The leaf's extension that holds Apple's nonce. */
const NONCE_OID = "1.2.840.113635.100.8.2";

/** Authenticator data (W3C Web Authentication, level 2, §6.1), up to the key. */
const at = { flags: 32, counter: 33, aaguid: 37, idLength: 53, id: 55 } as const;
const HAS_KEY = 0x40;
const KEY_ID_BYTES = 32;

const aaguids: Readonly<Record<AppAttestPolicy["environment"], Uint8Array>> = {
  production: utf8("appattest\0\0\0\0\0\0\0"),
  development: utf8("appattestdevelop"),
};

const bytes = z.instanceof(Uint8Array);
const attestationObject = z.object({
  fmt: z.literal("apple-appattest"),
  attStmt: z.object({ x5c: z.array(bytes), receipt: bytes }),
  authData: bytes,
});

interface Attestation {
  readonly chain: readonly Uint8Array[];
  readonly authData: Uint8Array;
  readonly appIdHash: Uint8Array;
  readonly counter: number;
  readonly aaguid: Uint8Array;
  readonly credentialId: Uint8Array;
}

const ids = [
  "apple.app_attest.format",
  "apple.app_attest.path",
  "apple.app_attest.nonce",
  "apple.app_attest.key_id",
  "apple.app_attest.app",
  "apple.app_attest.counter",
  "apple.app_attest.environment",
  "apple.app_attest.credential_id",
] as const;

const ATTEST_AGAIN = "Let the provider attest a new App Attest key.";
const OUR_APP = "Run the app whose identifier the policy names.";

/**
 * What App Attest shows where all of these pass: that an app with this identifier, on a genuine Apple device,
 * had Apple sign a value which names this identity key. That the app names no key but one in its own Secure Enclave
 * is what its code does; with it the key's residency is bound.
 *
 * Apple's certificate for an attested key lasts three days: after them the path reads `unknown` to whoever did
 * not look in time, and the provider attests a new key.
 *
 * @param identityKey uncompressed P-256 point, 65 bytes
 * @param now milliseconds since 1970
 */
export async function appAttestChecks(
  crypto: Crypto,
  evidence: AppAttestEvidence,
  identityKey: Uint8Array,
  policy: AppAttestPolicy,
  now: number,
): Promise<readonly Check[]> {
  const { attestation, keyId, random } = evidence;
  if (!attestation) return ids.map((id) => unknown(id, WITHHELD));
  if (policy.appleRoots.length === 0) return ids.map((id) => unknown(id, NO_ROOT));
  const checks = await attestationChecks(
    crypto,
    { attestation, keyId, clientDataHash: appleNonce(crypto, "app_attest", identityKey, random) },
    policy,
    now,
  );
  if (random.length === APPLE_RANDOM_BYTES) return checks;
  const guessed = fail("apple.app_attest.nonce", "a nonce that could have been guessed", ATTEST_AGAIN);
  return checks.map((check) => (check.id === guessed.id ? guessed : check));
}

/**
 * Apple's steps for an attestation (https://developer.apple.com/documentation/devicecheck, "Validating apps that
 * connect to your server"), one check each. The receipt is for asking Apple about fraud, and is not looked at.
 *
 * @param clientDataHash what the app passed to `attestKey`
 */
export async function attestationChecks(
  crypto: Crypto,
  given: { readonly attestation: Uint8Array; readonly keyId: Uint8Array; readonly clientDataHash: Uint8Array },
  policy: AppAttestPolicy,
  now: number,
): Promise<readonly Check[]> {
  const read = readAttestation(given.attestation);
  if (!read)
    return ids.map((id) =>
      id === "apple.app_attest.format"
        ? fail(id, "not an attestation of App Attest", ATTEST_AGAIN)
        : unknown(id, "not looked at without an attestation"),
    );

  const { leaf, check: pathCheck } = await followedPath(crypto, read.chain, policy, now);
  const format = pass("apple.app_attest.format", "an attestation of App Attest");
  if (!leaf)
    return [
      format,
      pathCheck,
      ...ids.filter((id) => id !== format.id && id !== pathCheck.id).map((id) => unknown(id, NO_PATH)),
    ];

  const nonce = crypto.sha256(read.authData, given.clientDataHash);
  const signedNonce = nonceIn(leaf);
  const keyHash = leaf.key.kind === "p256" ? crypto.sha256(leaf.key.point) : undefined;
  return [
    format,
    pathCheck,
    either(
      "apple.app_attest.nonce",
      signedNonce !== undefined && equalBytes(signedNonce, nonce),
      "made for this identity key and nonce",
      "made for something else than this identity key and nonce",
      ATTEST_AGAIN,
    ),
    either(
      "apple.app_attest.key_id",
      keyHash !== undefined && equalBytes(keyHash, given.keyId),
      "names the attested key",
      "names another key than the attested one",
      ATTEST_AGAIN,
    ),
    either(
      "apple.app_attest.app",
      equalBytes(read.appIdHash, crypto.sha256(utf8(policy.appId))),
      "the app of the policy",
      "another app than the policy's",
      OUR_APP,
    ),
    either("apple.app_attest.counter", read.counter === 0, "0", "not 0: not a first attestation", ATTEST_AGAIN),
    either(
      "apple.app_attest.environment",
      equalBytes(read.aaguid, aaguids[policy.environment]),
      policy.environment,
      "another environment than the policy's",
      OUR_APP,
    ),
    either(
      "apple.app_attest.credential_id",
      equalBytes(read.credentialId, given.keyId),
      "the attested key's",
      "another key's",
      ATTEST_AGAIN,
    ),
  ];
}

function readAttestation(attestation: Uint8Array): Attestation | undefined {
  if (attestation.length > ATTESTATION_BYTES_MAX) return undefined;
  let value: unknown;
  try {
    value = decode(attestation, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      rejectDuplicateMapKeys: true,
    });
  } catch {
    // Whatever it says of the bytes is nobody's business; nesting too deep for the stack ends here as well.
    return undefined;
  }
  const { data } = attestationObject.safeParse(value);
  if (!data) return undefined;
  const { authData, attStmt } = data;
  const view = new DataView(authData.buffer, authData.byteOffset, authData.byteLength);
  const whole = authData.length > at.id + KEY_ID_BYTES;
  if (!whole || (view.getUint8(at.flags) & HAS_KEY) === 0 || view.getUint16(at.idLength) !== KEY_ID_BYTES)
    return undefined;
  return {
    chain: attStmt.x5c,
    authData,
    appIdHash: authData.subarray(0, at.flags),
    counter: view.getUint32(at.counter),
    aaguid: authData.subarray(at.aaguid, at.idLength),
    credentialId: authData.subarray(at.id, at.id + KEY_ID_BYTES),
  };
}

/** The leaf and what is said of the path to it; no leaf where none leads to it. */
async function followedPath(
  crypto: Crypto,
  chain: readonly Uint8Array[],
  { appleRoots }: AppAttestPolicy,
  now: number,
): Promise<{ readonly leaf?: Certificate; readonly check: Check }> {
  const id = "apple.app_attest.path";
  const follow = (time: number): Promise<Path> => verifyPath(crypto, chain, appleRoots, time, rules);
  const leafOf = (path: Path): Certificate | undefined => ("path" in path ? path.path[0] : undefined);

  const followed = await follow(now);
  const leaf = leafOf(followed);
  if (leaf) return { leaf, check: pass(id, "Apple's root vouches for the key") };
  const fault = "refused" in followed ? followed.refused : "length";
  if (fault === "expired") {
    const ended = parseCertificate(chain[0] ?? new Uint8Array(0));
    const past = ended && leafOf(await follow(ended.notAfter));
    if (past)
      return { leaf: past, check: unknown(id, "good until Apple's certificate for the key ended", ATTEST_AGAIN) };
  }
  return { check: fail(id, pathFaultWords[fault], ATTEST_AGAIN) };
}

/** The octet string in the leaf's extension: a sequence of one field, [1]. */
const nonceIn = ({ extensions }: Certificate): Uint8Array | undefined =>
  readDer(extensions.get(NONCE_OID)?.value ?? new Uint8Array(0), (reader) => {
    const sequence = reader.into(TAG.sequence);
    const field = sequence.into(explicitTag(1));
    const nonce = field.content(TAG.octetString);
    field.end();
    sequence.end();
    return nonce;
  });
