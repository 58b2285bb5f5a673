import * as z from "zod";
import { fromBase64OrNothing, fromHex, toBase64, toHex } from "../bytes.ts";
import { TPM_EVENT_LOG_BYTES_MAX } from "../tpm/event-log.ts";
import type { Pcr } from "../tpm/pcrs.ts";
import { base64Of, chainSchema } from "./spelled.ts";

/** No structure is longer than what Linux takes from a TPM at once (TPM_BUFSIZE in its drivers/char/tpm). */
const TPM_STRUCTURE_BYTES_MAX = 4096;
/** Those of a PC (PC Client Platform TPM Profile). */
const PCRS = 24;

const structure = base64Of(TPM_STRUCTURE_BYTES_MAX);
const statementSchema = z.object({
  attest: structure.describe("TPMS_ATTEST"),
  signature: structure.describe("TPMT_SIGNATURE over it, by the attestation key"),
});

/** `TpmEvidence` as it travels and is published. */
export const tpmEvidenceSchema = z.object({
  ek_certificates: chainSchema,
  ek_public: structure.optional().describe("The endorsement key's TPMT_PUBLIC; absent where it is withheld"),
  ak_public: structure.describe("The attestation key's TPMT_PUBLIC"),
  key_public: structure.describe("The identity key's TPMT_PUBLIC"),
  certify: statementSchema.describe("TPM2_Certify of the identity key"),
});
export type SpelledTpmEvidence = z.infer<typeof tpmEvidenceSchema>;

/** `TpmQuote` as it travels and is published. */
export const tpmQuoteSchema = statementSchema.extend({
  pcrs: z
    .array(
      z.object({
        index: z
          .int()
          .min(0)
          .max(PCRS - 1),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .max(PCRS),
  event_log: base64Of(TPM_EVENT_LOG_BYTES_MAX).optional().describe("The firmware's crypto-agile log"),
});
export type SpelledTpmQuote = z.infer<typeof tpmQuoteSchema>;

/** `TpmCredential` as it travels. */
export const tpmCredentialSchema = z.object({ id_object: structure, enc_secret: structure });
export type SpelledTpmCredential = z.infer<typeof tpmCredentialSchema>;

/** What a TPM says and its attestation key signs, as the exact bytes: TPMS_ATTEST and TPMT_SIGNATURE. */
export interface TpmStatement {
  readonly attest: Uint8Array;
  readonly signature: Uint8Array;
}

/** What shows that the identity key is in a TPM, and in whose. */
export interface TpmEvidence {
  /**
   * The maker's certificates of the endorsement key, DER, leaf first: empty where the maker has left none in the
   * TPM, absent where they are withheld from whoever asks.
   */
  readonly ekCertificates?: readonly Uint8Array[];
  /** TPMT_PUBLIC, each: endorsement key, attestation key, identity key. The first is empty where it is withheld. */
  readonly ekPublic: Uint8Array;
  readonly akPublic: Uint8Array;
  readonly keyPublic: Uint8Array;
  /** Of the identity key, by the attestation key (TPM2_Certify). */
  readonly certify: TpmStatement;
}

/** What the machine was started with, over a challenge's nonce (TPM2_Quote). */
export interface TpmQuote extends TpmStatement {
  readonly pcrs: readonly Pcr[];
  /** The firmware's crypto-agile log. */
  readonly eventLog?: Uint8Array;
}

/**
 * What TPM2_ActivateCredential opens. Both parts are what is inside their TPM2B: the two bytes of length in front
 * are the command's, as they are for every structure here.
 */
export interface TpmCredential {
  /** TPMS_ID_OBJECT, the content of TPM2B_ID_OBJECT: the secret, bound to the attestation key's name. */
  readonly idObject: Uint8Array;
  /** The content of TPM2B_ENCRYPTED_SECRET: for the endorsement key only. */
  readonly encSecret: Uint8Array;
}

const spelledStatement = ({ attest, signature }: TpmStatement) => ({
  attest: toBase64(attest),
  signature: toBase64(signature),
});
const statementFrom = ({ attest, signature }: z.infer<typeof statementSchema>): TpmStatement => ({
  attest: fromBase64OrNothing(attest),
  signature: fromBase64OrNothing(signature),
});

export const spelledTpmEvidence = (evidence: TpmEvidence): SpelledTpmEvidence => ({
  ...(evidence.ekCertificates && { ek_certificates: evidence.ekCertificates.map(toBase64) }),
  ...(evidence.ekPublic.length > 0 && { ek_public: toBase64(evidence.ekPublic) }),
  ak_public: toBase64(evidence.akPublic),
  key_public: toBase64(evidence.keyPublic),
  certify: spelledStatement(evidence.certify),
});

export const tpmEvidenceFrom = (spelled: SpelledTpmEvidence): TpmEvidence => ({
  ...(spelled.ek_certificates && { ekCertificates: spelled.ek_certificates.map(fromBase64OrNothing) }),
  ekPublic: fromBase64OrNothing(spelled.ek_public ?? ""),
  akPublic: fromBase64OrNothing(spelled.ak_public),
  keyPublic: fromBase64OrNothing(spelled.key_public),
  certify: statementFrom(spelled.certify),
});

export const spelledTpmQuote = (quote: TpmQuote): SpelledTpmQuote => ({
  ...spelledStatement(quote),
  pcrs: quote.pcrs.map(({ index, sha256 }) => ({ index, sha256: toHex(sha256) })),
  ...(quote.eventLog && { event_log: toBase64(quote.eventLog) }),
});

export const tpmQuoteFrom = (spelled: SpelledTpmQuote): TpmQuote => ({
  ...statementFrom(spelled),
  pcrs: spelled.pcrs.map(({ index, sha256 }) => ({ index, sha256: fromHex(sha256) })),
  ...(spelled.event_log !== undefined && { eventLog: fromBase64OrNothing(spelled.event_log) }),
});

export const spelledTpmCredential = ({ idObject, encSecret }: TpmCredential): SpelledTpmCredential => ({
  id_object: toBase64(idObject),
  enc_secret: toBase64(encSecret),
});

export const tpmCredentialFrom = ({ id_object, enc_secret }: SpelledTpmCredential): TpmCredential => ({
  idObject: fromBase64OrNothing(id_object),
  encSecret: fromBase64OrNothing(enc_secret),
});
