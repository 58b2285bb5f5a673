import { randomBytes } from "node:crypto";
import { equalBytes } from "@darkbloom/protocol/bytes";
import type { TpmCredential, TpmEvidence, TpmQuote } from "@darkbloom/protocol/evidence";
import { pushAll } from "@darkbloom/protocol/lists";
import { pcrDigestOf, readTpmAttest, tpmAlgorithm, type Pcr } from "@darkbloom/protocol/tpm";
import { nodeCrypto } from "@darkbloom/protocol/node";
import {
  activateCredential,
  certify,
  createPrimary,
  handles,
  pcrRead,
  policySecretOfEndorsement,
  quote,
  readPublic,
  startPolicySession,
} from "./commands.ts";
import { isFor, readEkCertificates } from "./ek-certificates.ts";
import { readEventLog } from "./event-log.ts";
import { endorsementTemplates, type EndorsementKind } from "./templates.ts";
import { TpmError } from "./tpm-error.ts";
import type { Tpm, TpmObject } from "./tpm.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Firmware, its settings, boot loader and Secure Boot (TCG PC Client Platform Firmware Profile, 3.3.4). */
const QUOTED_PCRS = [0, 1, 2, 3, 4, 5, 6, 7];
/** A PCR that changes between quoting and reading makes the two differ; then both are done again. */
const QUOTE_ATTEMPTS_MAX = 3;
const SESSION_NONCE_BYTES = 16;

export async function gatherEvidence(
  tpm: Tpm,
  keys: { readonly identity: TpmObject; readonly attestation: TpmObject; readonly point: Uint8Array },
): Promise<TpmEvidence> {
  await using endorsementKey = await holdEndorsementKey(tpm);
  const { attest, signature } = await tpm.run(
    certify(keys.identity.handle, keys.attestation.handle, nodeCrypto.sha256(keys.point)),
  );
  return {
    ekCertificates: endorsementKey.certificates,
    ekPublic: endorsementKey.publicArea,
    akPublic: (await tpm.run(readPublic(keys.attestation.handle))).publicArea,
    keyPublic: (await tpm.run(readPublic(keys.identity.handle))).publicArea,
    certify: { attest, signature: signature.bytes },
  };
}

export async function takeQuote(
  tpm: Tpm,
  attestation: TpmObject,
  qualifyingData: Uint8Array,
  eventLogPath: string,
): Promise<TpmQuote> {
  for (let attempt = 1; ; attempt++) {
    const { attest, signature } = await tpm.run(quote(attestation.handle, qualifyingData, QUOTED_PCRS));
    const quoted = readTpmAttest(attest)?.attested;
    if (quoted?.type !== "quote") throw new TpmError("malformed");
    // A bank that is switched off has no PCRs, and the quote says so by its selection.
    const [selection] = quoted.selections;
    if (selection?.hash !== tpmAlgorithm.sha256 || selection.indexes.length !== QUOTED_PCRS.length)
      throw new TpmError("unsupported");
    const pcrs = await readPcrs(tpm);
    const digest = pcrDigestOf(nodeCrypto, quoted.selections, pcrs);
    if (digest && equalBytes(quoted.pcrDigest, digest)) {
      const eventLog = await readEventLog(eventLogPath);
      return { attest, signature: signature.bytes, pcrs, ...(eventLog && { eventLog }) };
    }
    if (attempt === QUOTE_ATTEMPTS_MAX) throw new TpmError("busy");
  }
}

/** Opens what was made for this attestation key and this TPM's endorsement key (Part 1, "Credential Protection"). */
export async function openCredential(tpm: Tpm, attestation: TpmObject, credential: TpmCredential): Promise<Bytes> {
  await using endorsementKey = await holdEndorsementKey(tpm);
  await using session = await tpm.hold(startPolicySession(randomBytes(SESSION_NONCE_BYTES)));
  await tpm.run(policySecretOfEndorsement(session.handle));
  return await tpm.run(activateCredential(attestation.handle, endorsementKey.handle, session.handle, credential));
}

type EndorsementKey = TpmObject & { readonly publicArea: Bytes; readonly certificates: readonly Bytes[] };

/**
 * The endorsement key that the maker has certified: the elliptic one, which is made in an instant, rather
 * than the RSA one. Without a certificate for either, the elliptic one.
 */
async function holdEndorsementKey(tpm: Tpm): Promise<EndorsementKey> {
  for (const kind of ["ecc", "rsa"] as const) {
    const certificates = await readEkCertificates(tpm, kind);
    const [leaf] = certificates;
    if (leaf === undefined) continue;
    const key = await tpm.hold(endorsementPrimary(kind));
    if (isFor(leaf, kind, key.publicArea)) return { ...key, certificates };
    await key[Symbol.asyncDispose]();
  }
  return { ...(await tpm.hold(endorsementPrimary("ecc"))), certificates: [] };
}

const endorsementPrimary = (kind: EndorsementKind) => createPrimary(handles.endorsement, endorsementTemplates[kind]);

/** Each answer holds the PCRs that fit into it. */
async function readPcrs(tpm: Tpm): Promise<readonly Pcr[]> {
  const read: Pcr[] = [];
  while (read.length < QUOTED_PCRS.length) {
    const more = await tpm.run(pcrRead(QUOTED_PCRS.slice(read.length)));
    if (more.length === 0 || more.some(({ index }, at) => index !== QUOTED_PCRS[read.length + at]))
      throw new TpmError("malformed");
    pushAll(read, more);
  }
  return read;
}
