import { equalBytes } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import { readTpmAttest } from "../tpm/attest.ts";
import { readTpmPublic, tpmNameOf, tpmPointOf, type TpmAttribute, type TpmPublic } from "../tpm/public-area.ts";
import { madeByTpmKey } from "../tpm/signature.ts";
import { either, fail, pass, unknown } from "./check.ts";
import { endorsementChecks } from "./tpm-endorsement.ts";
import type { TpmEvidence, TpmQuote, TpmStatement } from "./tpm-evidence.ts";
import { quoteChecks, type PcrPolicy, type QuoteSubject } from "./tpm-quote.ts";
import type { PinnedRoot } from "./vendor-roots.ts";
import type { Check } from "./check.ts";

/** What the rest of the evidence says, which the TPM's must agree with. */
export interface TpmBound extends QuoteSubject {
  /** Whether the TPM of this very `ekPublic` opened a credential for the name of this very `akPublic`. */
  readonly activation: Check["status"];
  /** Whether that is only the coordinator's word. */
  readonly activationIsStated?: boolean;
}

export interface TpmPolicy {
  /**
   * The makers' certificates at which a path ends: their roots, and issuers below a root where TPMs do not
   * carry these. Without one, no endorsement key is known.
   */
  readonly tpmRoots: readonly PinnedRoot[];
  readonly pcrs?: PcrPolicy;
}

/**
 * That a machine's identity key lives in a genuine TPM, and what that machine was started with.
 *
 * The maker's root vouches for the endorsement key; whoever made a credential for it knows that the
 * attestation key shares its chip; the attestation key, which signs only what the TPM itself says, certifies the
 * identity key; and the identity key's attributes say that it never leaves. Each link is a check of its
 * own, always the same ones in the same order, and all are needed.
 *
 * @param now milliseconds since 1970
 */
export async function tpmChecks(
  crypto: Crypto,
  tpm: TpmEvidence,
  quote: TpmQuote | undefined,
  bound: TpmBound,
  policy: TpmPolicy,
  now: number,
): Promise<readonly Check[]> {
  const ak = readTpmPublic(tpm.akPublic);
  const key = readTpmPublic(tpm.keyPublic);
  return [
    ...(await endorsementChecks(crypto, tpm, policy.tpmRoots, now)),
    attributes("tpm.ak.attributes", ak, akAttributes),
    activation(bound),
    attributes("tpm.key.attributes", key, keyAttributes),
    isIdentity(key, bound),
    await certified(crypto, ak, key, tpm.certify),
    ...(await quoteChecks(crypto, ak, quote, bound, policy.pcrs)),
  ];
}

const PREPARE = "Let the provider make its keys in the TPM again.";
const IMITATION = "Use the machine's own TPM; nothing else can show this.";

interface Attributes {
  readonly needed: readonly TpmAttribute[];
  readonly forbidden: readonly TpmAttribute[];
}

/** Made in this TPM, and bound to it and to its parent (TPM 2.0 Library, Part 1, "Object Attributes"). */
const resident = ["fixedTPM", "fixedParent", "sensitiveDataOrigin"] as const;
/** Restricted: it refuses to sign bytes from outside that look like the TPM's own words. */
const akAttributes: Attributes = { needed: ["restricted", "sign", ...resident], forbidden: ["decrypt"] };
/** Unrestricted: it signs receipts, which are bytes from outside. */
const keyAttributes: Attributes = { needed: ["sign", ...resident], forbidden: ["restricted", "decrypt"] };

function attributes(id: string, key: TpmPublic | undefined, { needed, forbidden }: Attributes): Check {
  if (!key) return fail(id, "not the public area of a TPM key", PREPARE);
  const lacking = needed.filter((name) => !key.attributes.has(name));
  const excess = forbidden.filter((name) => key.attributes.has(name));
  if (lacking.length > 0) return fail(id, `lacks ${lacking.join(", ")}`, PREPARE);
  if (excess.length > 0) return fail(id, `has ${excess.join(", ")}`, PREPARE);
  return pass(id, needed.join(", "));
}

function activation({ activation: status, activationIsStated = false }: TpmBound): Check {
  switch (status) {
    case "pass":
      return pass(
        "tpm.activation",
        activationIsStated
          ? "by the coordinator's signed word alone"
          : "the attestation key shares a chip with the endorsement key",
      );
    case "unknown":
      return unknown("tpm.activation", "not tried by this reader", "Wait for the coordinator's credential.");
    case "fail":
      return fail("tpm.activation", "the TPM of the endorsement key does not hold the attestation key", IMITATION);
  }
}

/** Receipts are made by the very key that the TPM describes. */
function isIdentity(key: TpmPublic | undefined, { identityKey }: TpmBound): Check {
  const same = key?.key.kind === "ecc" && key.key.curve === "P-256" && equalBytes(tpmPointOf(key.key), identityKey);
  return either("tpm.key.is_identity", same, "the identity key", "another key than the identity key", PREPARE);
}

/** The name holds every attribute, so what is certified is that a key with these is loaded in the TPM. */
async function certified(
  crypto: Crypto,
  ak: TpmPublic | undefined,
  key: TpmPublic | undefined,
  { attest, signature }: TpmStatement,
): Promise<Check> {
  const id = "tpm.key.certified";
  if (!ak || !(await madeByTpmKey(crypto, ak, attest, signature)))
    return fail(id, "not signed by the attestation key", IMITATION);
  const attested = readTpmAttest(attest)?.attested;
  const name = key && tpmNameOf(crypto, key);
  return either(
    id,
    attested?.type === "certify" && name !== undefined && equalBytes(attested.name, name),
    "by the attestation key",
    "the attestation key says something else",
    PREPARE,
  );
}
