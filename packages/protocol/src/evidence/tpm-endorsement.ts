import { equalBytes } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import { readTpmPublic, spkiOfTpmKey } from "../tpm/public-area.ts";
import { parseCertificate, type Certificate } from "../x509/certificate.ts";
import { verifyPath, type PathFault } from "../x509/path.ts";
import { either, fail, pass, unknown, WITHHELD } from "./check.ts";
import type { TpmEvidence } from "./tpm-evidence.ts";
import type { Check } from "./check.ts";

/** tcg-kp-EKCertificate (TCG EK Credential Profile for TPM 2.0): for an endorsement key. */
const EK_PURPOSE = "2.23.133.8.1";
/** Where makers tell TPM model and version; critical, since the subject is empty. Nothing here rests on it. */
const SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";
/** Bits of keyUsage (RFC 5280 §4.2.1.3): an endorsement key decrypts, or agrees on keys. */
const KEY_ENCIPHERMENT = 2;
const KEY_AGREEMENT = 4;

const ids = ["tpm.ek.path", "tpm.ek.key", "tpm.ek.shape"] as const;
const MAKER =
  "Whoever checks needs the root of this TPM's maker, and the certificates below it that the TPM does not carry.";
const CERTIFICATE = "Let the provider read the TPM's own certificate again.";

/** Whose TPM it is: a maker's certificate, of this endorsement key, made for endorsement keys. */
export async function endorsementChecks(
  crypto: Crypto,
  { ekCertificates, ekPublic }: TpmEvidence,
  roots: readonly Uint8Array[],
  now: number,
): Promise<Check[]> {
  if (!ekCertificates) return ids.map((id) => unknown(id, WITHHELD));
  const leaf = ekCertificates[0] && parseCertificate(ekCertificates[0]);
  return [await path(crypto, ekCertificates, leaf, roots, now), key(leaf, ekPublic), shape(leaf)];
}

async function path(
  crypto: Crypto,
  chain: readonly Uint8Array[],
  leaf: Certificate | undefined,
  roots: readonly Uint8Array[],
  now: number,
): Promise<Check> {
  const id = ids[0];
  if (chain.length === 0) return fail(id, "no certificate", MAKER);
  if (roots.length === 0) return unknown(id, "no root of a maker of TPMs was given");
  // `tpm.ek.shape` tells of the leaf's purpose, so here only a right one counts as understood.
  const purpose = leaf?.purposes?.includes(EK_PURPOSE) === true ? { purpose: EK_PURPOSE } : {};
  const rules = { criticalExtensions: [SUBJECT_ALTERNATIVE_NAME], leafMayBeCa: true, ...purpose };
  const verified = await verifyPath(crypto, chain, roots, now, rules);
  return "path" in verified
    ? pass(id, `${verified.path.length} certificates, to a known maker's`)
    : fail(id, `leads to no known maker: ${verified.refused satisfies PathFault}`, MAKER);
}

/** The key that the certificate is for, and one that only opens what is meant for it. */
function key(leaf: Certificate | undefined, ekPublic: Uint8Array): Check {
  const id = ids[1];
  const ek = readTpmPublic(ekPublic);
  if (!leaf || !ek || !equalBytes(leaf.spki, spkiOfTpmKey(ek)))
    return fail(id, "the certificate is for another key", CERTIFICATE);
  const opens = ek.attributes.has("restricted") && ek.attributes.has("decrypt") && !ek.attributes.has("sign");
  return either(id, opens, "the certificate's", "not a key that only opens credentials", CERTIFICATE);
}

function shape(leaf: Certificate | undefined): Check {
  const id = ids[2];
  if (!leaf) return fail(id, "not a certificate", CERTIFICATE);
  if (leaf.isCa) return fail(id, "a certificate authority's", CERTIFICATE);
  if (leaf.purposes?.includes(EK_PURPOSE) !== true) return fail(id, "not for an endorsement key", CERTIFICATE);
  const opens = !leaf.keyUsage || leaf.keyUsage.has(KEY_ENCIPHERMENT) || leaf.keyUsage.has(KEY_AGREEMENT);
  return either(id, opens, "for an endorsement key", "for a key with which nothing can be sealed", CERTIFICATE);
}
