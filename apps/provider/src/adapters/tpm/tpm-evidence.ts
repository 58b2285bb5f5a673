import { createHash, randomBytes } from "node:crypto";
import { concatBytes, equalBytes } from "@darkbloom/protocol";
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
  type Credential,
} from "./commands.ts";
import { isFor, readEkCertificates } from "./ek-certificates.ts";
import { readEventLog } from "./event-log.ts";
import { quotedPcrs } from "./structures.ts";
import { endorsementTemplates, type EndorsementKind } from "./templates.ts";
import { TpmError } from "./tpm-error.ts";
import type { Tpm, TpmObject } from "./tpm.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Exact bytes, as the TPM gave them: TPMS_ATTEST and TPMT_SIGNATURE (ECDSA P-256, SHA-256). */
export interface TpmStatement {
  readonly attest: Bytes;
  readonly signature: Bytes;
}

/** What shows that the identity key is in a TPM, and in whose. */
export interface TpmEvidence {
  /** DER, leaf first; empty where the maker has left none in the TPM. */
  readonly ekCertificates: readonly Bytes[];
  /** TPMT_PUBLIC, each. */
  readonly ekPublic: Bytes;
  readonly akPublic: Bytes;
  readonly keyPublic: Bytes;
  /** By the attestation key, of the identity key. Qualifying data: SHA-256 of the identity key's 65-byte point. */
  readonly certify: TpmStatement;
}

export interface TpmQuote extends TpmStatement {
  /** The values that were quoted, PCR 0 to 7 of the SHA-256 bank. */
  readonly pcrs: readonly { readonly index: number; readonly sha256: Bytes }[];
  readonly eventLog?: Bytes;
}

/** Firmware, its settings, boot loader and Secure Boot (TCG PC Client Platform Firmware Profile, 3.3.4). */
const QUOTED_PCRS = [0, 1, 2, 3, 4, 5, 6, 7];
/** A PCR that changes between quoting and reading makes the two differ; then both are done again. */
const QUOTE_ATTEMPTS_MAX = 3;
const SESSION_NONCE_BYTES = 16;

const sha256 = (...parts: Uint8Array[]): Bytes =>
  new Uint8Array(
    createHash("sha256")
      .update(concatBytes(...parts))
      .digest(),
  );

export async function gatherEvidence(
  tpm: Tpm,
  keys: { readonly identity: TpmObject; readonly attestation: TpmObject; readonly point: Uint8Array },
): Promise<TpmEvidence> {
  await using endorsementKey = await holdEndorsementKey(tpm);
  const { attest, signature } = await tpm.run(
    certify(keys.identity.handle, keys.attestation.handle, sha256(keys.point)),
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
    const quoted = quotedPcrs(attest);
    // A bank that is switched off has no PCRs, and the quote says so by its selection.
    if (quoted.indices.length !== QUOTED_PCRS.length) throw new TpmError("unsupported");
    const pcrs = await readPcrs(tpm);
    if (equalBytes(quoted.digest, sha256(...pcrs.map((pcr) => pcr.sha256)))) {
      const eventLog = await readEventLog(eventLogPath);
      return { attest, signature: signature.bytes, pcrs, ...(eventLog && { eventLog }) };
    }
    if (attempt === QUOTE_ATTEMPTS_MAX) throw new TpmError("busy");
  }
}

/** Opens what was made for this attestation key and this TPM's endorsement key (Part 1, "Credential Protection"). */
export async function openCredential(tpm: Tpm, attestation: TpmObject, credential: Credential): Promise<Bytes> {
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
async function readPcrs(tpm: Tpm): Promise<TpmQuote["pcrs"]> {
  const read: { index: number; sha256: Bytes }[] = [];
  while (read.length < QUOTED_PCRS.length) {
    const more = await tpm.run(pcrRead(QUOTED_PCRS.slice(read.length)));
    if (more.length === 0 || more.some(({ index }, at) => index !== QUOTED_PCRS[read.length + at]))
      throw new TpmError("malformed");
    read.push(...more);
  }
  return read;
}
