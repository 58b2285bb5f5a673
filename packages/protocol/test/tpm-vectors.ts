import { existsSync, readFileSync } from "node:fs";
import { fromBase64OrNothing, toBase64, toHex } from "../src/bytes.ts";
import {
  tpmEvidenceFrom,
  tpmQuoteData,
  tpmQuoteFrom,
  type PinnedRoot,
  type QuoteSubject,
  type SpelledTpmEvidence,
  type SpelledTpmQuote,
  type TpmEvidence,
  type TpmQuote,
} from "../src/evidence/index.ts";
import { readTpmPublic, replayEventLog, spkiOfTpmKey, tpmNameOf, tpmPointOf } from "../src/tpm/index.ts";
import { nodeCrypto } from "../src/node/index.ts";
import { pinnedByItself, secretNamed } from "./keys.ts";

/** A TPM's evidence cannot be made twice, so it is recorded once; everything that follows from it is worked out. */

type Bytes = Uint8Array<ArrayBuffer>;

/** What is recorded of a TPM, as it would travel. */
export interface RecordedTpm extends SpelledTpmEvidence {
  readonly attestation_key: "rsa" | "ecc";
  readonly ek_roots: readonly string[];
  readonly quote: SpelledTpmQuote;
}

export const tpmVectorFile = new URL("../../../vectors/tpm.json", import.meta.url);

/** @throws where nothing was recorded yet */
export function committedTpms(): readonly RecordedTpm[] {
  if (!existsSync(tpmVectorFile)) throw new Error("npm run vectors records a TPM's evidence, where swtpm is installed");
  const { cases } = JSON.parse(readFileSync(tpmVectorFile, "utf8")) as { cases: readonly RecordedTpm[] };
  return cases;
}

export const tpmNonce = secretNamed("challenge nonce");
export const tpmHpkeKeys: readonly Bytes[] = [secretNamed("a public HPKE key"), secretNamed("another public HPKE key")];

export function pointOf(keyPublic: Uint8Array): Bytes {
  const read = readTpmPublic(keyPublic);
  if (read?.key.kind !== "ecc") throw new Error("not the public area of an ECC key");
  return tpmPointOf(read.key);
}

const subjectOf = (identityKey: Uint8Array): QuoteSubject => ({
  identityKey,
  hpkePublicKeys: tpmHpkeKeys,
  nonce: tpmNonce,
});

/** What the verifier takes, from a recording. */
export function tpmInput(recorded: RecordedTpm): {
  readonly evidence: TpmEvidence;
  readonly quote: TpmQuote;
  readonly subject: QuoteSubject;
  readonly roots: readonly PinnedRoot[];
} {
  const evidence = tpmEvidenceFrom(recorded);
  return {
    evidence,
    quote: tpmQuoteFrom(recorded.quote),
    subject: subjectOf(pointOf(evidence.keyPublic)),
    roots: recorded.ek_roots.map((root) => pinnedByItself(fromBase64OrNothing(root))),
  };
}

export function tpmVector(recordings: readonly RecordedTpm[]) {
  return {
    about:
      "Two software TPMs and their makers, once. `*_public`: TPMT_PUBLIC. `*_name`: its name. `attest`: TPMS_ATTEST, `signature`: TPMT_SIGNATURE of it by the attestation key. " +
      '`qualifying_data`: SHA-256 of "darkbloom:tpm-quote:v1\\0", nonce, identity key and HPKE keys. The event log leads to `pcrs`; those that it does not name are zero.',
    cases: recordings.map((recorded) => {
      const { evidence, quote, subject } = tpmInput(recorded);
      const derived = (publicArea: Uint8Array) => {
        const read = readTpmPublic(publicArea);
        if (!read) throw new Error("not a public area");
        const name = tpmNameOf(nodeCrypto, read) ?? new Uint8Array(0);
        return { name: toHex(name), spki: toBase64(spkiOfTpmKey(read)) };
      };
      return {
        attestation_key: recorded.attestation_key,
        ek_roots: recorded.ek_roots,
        ek_certificates: recorded.ek_certificates,
        ek_public: recorded.ek_public,
        ek_spki: derived(evidence.ekPublic).spki,
        ak_public: recorded.ak_public,
        ak_name: derived(evidence.akPublic).name,
        ak_spki: derived(evidence.akPublic).spki,
        key_public: recorded.key_public,
        key_name: derived(evidence.keyPublic).name,
        identity_key: toBase64(subject.identityKey),
        certify: recorded.certify,
        nonce: toBase64(tpmNonce),
        hpke_public_keys: tpmHpkeKeys.map(toBase64),
        qualifying_data: toHex(tpmQuoteData(nodeCrypto, subject)),
        quote: {
          ...recorded.quote,
          pcrs: quote.pcrs.map(({ index }) => ({
            index,
            sha256: toHex(
              replayEventLog(nodeCrypto, quote.eventLog ?? new Uint8Array(0))?.[index] ?? new Uint8Array(0),
            ),
          })),
        },
      };
    }),
  };
}
