import { equalBytes, toHex, utf8 } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import { PUBLIC_KEY_BYTES } from "../sealing/public-keys.ts";
import { readTpmAttest } from "../tpm/attest.ts";
import { replayEventLog } from "../tpm/event-log.ts";
import { pcrDigestOf, type Pcr } from "../tpm/pcrs.ts";
import type { TpmPublic } from "../tpm/public-area.ts";
import { madeByTpmKey } from "../tpm/signature.ts";
import { tags } from "../wire/registration.ts";
import { either, fail, pass, unknown } from "./check.ts";
import type { TpmQuote } from "./tpm-evidence.ts";
import type { Check } from "./check.ts";

/** Values that a PCR may have, in hex, by its index. */
export type PcrPolicy = Readonly<Record<number, readonly string[]>>;

/** What a quote is about, besides the machine. */
export interface QuoteSubject {
  /** Uncompressed P-256 point, 65 bytes. */
  readonly identityKey: Uint8Array;
  /** Of 32 bytes (X25519) or 1,216 (X-Wing), in the blob's order. */
  readonly hpkePublicKeys: readonly Uint8Array[];
  /** The challenge's, 32 bytes. */
  readonly nonce: Uint8Array;
}

const PART_BYTES = 32;
const keyLengths: ReadonlySet<number> = new Set(Object.values(PUBLIC_KEY_BYTES));

/**
 * What a TPM is asked to sign with its PCRs: SHA-256 of tag, nonce, identity key and HPKE keys, where a key that is longer than
 * 32 bytes stands by its own SHA-256.
 *
 * @throws RangeError for other lengths, with which bytes could move from one part into the next
 */
export function tpmQuoteData(
  crypto: Crypto,
  { identityKey, hpkePublicKeys, nonce }: QuoteSubject,
): Uint8Array<ArrayBuffer> {
  if (nonce.length !== 32 || identityKey.length !== 65 || hpkePublicKeys.some(({ length }) => !keyLengths.has(length)))
    throw new RangeError("a nonce or a key of another length");
  const keys = hpkePublicKeys.map((key) => (key.length === PART_BYTES ? key : crypto.sha256(key)));
  return crypto.sha256(utf8(tags.tpmQuote), nonce, identityKey, ...keys);
}

const RESTART = "Start the provider again.";
const CHALLENGE = "Wait for the next challenge.";
const ids = ["tpm.quote.signature", "tpm.quote.nonce", "tpm.quote.pcrs", "tpm.pcr_policy", "tpm.event_log"] as const;

/**
 * The firmware's own PCRs: a quote that leaves one out says nothing of how the machine was started. The operating
 * system goes on extending the others, and keeps no such log.
 */
const firmwarePcrs = [0, 1, 2, 3, 4, 5, 6, 7];

export async function quoteChecks(
  crypto: Crypto,
  ak: TpmPublic | undefined,
  quote: TpmQuote | undefined,
  subject: QuoteSubject,
  allowed: PcrPolicy | undefined,
): Promise<Check[]> {
  if (!quote) return ids.map((id) => unknown(id, "no quote yet", CHALLENGE));
  const attest = readTpmAttest(quote.attest);
  const attested = attest?.attested.type === "quote" ? attest.attested : undefined;
  const signed = ak !== undefined && (await madeByTpmKey(crypto, ak, quote.attest, quote.signature));
  const fresh = attest !== undefined && isAbout(crypto, attest.extraData, subject);
  const digest = attested && pcrDigestOf(crypto, attested.selections, quote.pcrs);
  const whole =
    attested !== undefined &&
    digest !== undefined &&
    equalBytes(digest, attested.pcrDigest) &&
    firmwarePcrs.every((index) => quote.pcrs.some((pcr) => pcr.index === index));
  // PCRs that no fresh quote proves are only told.
  const proven = signed && fresh && whole;
  return [
    either(
      ids[0],
      signed && attested !== undefined,
      "a quote by the attestation key",
      "no quote by the attestation key",
      RESTART,
    ),
    either(ids[1], fresh, "over this nonce and these keys", "over another nonce or other keys", RESTART),
    either(
      ids[2],
      whole,
      `${quote.pcrs.length} SHA-256 PCRs`,
      "other PCRs than were quoted, or not all of the firmware's",
      RESTART,
    ),
    pcrPolicy(proven, quote.pcrs, allowed),
    eventLog(crypto, proven, quote),
  ];
}

function isAbout(crypto: Crypto, extraData: Uint8Array, subject: QuoteSubject): boolean {
  try {
    return equalBytes(extraData, tpmQuoteData(crypto, subject));
  } catch {
    return false;
  }
}

function pcrPolicy(proven: boolean, pcrs: readonly Pcr[], allowed: PcrPolicy | undefined): Check {
  const id = ids[3];
  if (!allowed || Object.keys(allowed).length === 0) return unknown(id, "no values are prescribed", "");
  if (!proven) return fail(id, "no quote proves the PCRs", RESTART);
  const others = Object.entries(allowed).filter(([index, values]) => {
    const pcr = pcrs.find((one) => one.index === Number(index));
    return !pcr || !values.some((value) => value.toLowerCase() === toHex(pcr.sha256));
  });
  return others.length === 0
    ? pass(id, `PCR ${Object.keys(allowed).join(", ")} as prescribed`)
    : fail(
        id,
        `PCR ${others.map(([index]) => index).join(", ")} not as prescribed`,
        "Start the machine with firmware, settings and boot loader that the operator allows.",
      );
}

function eventLog(crypto: Crypto, proven: boolean, { pcrs, eventLog: log }: TpmQuote): Check {
  const id = ids[4];
  if (!log) return unknown(id, "no log", "Let the provider read the firmware's log.");
  if (!proven) return fail(id, "no quote proves the PCRs", RESTART);
  const replayed = replayEventLog(crypto, log);
  if (!replayed) return fail(id, "not a firmware's log with SHA-256", "Start the machine again.");
  const firmware = pcrs.filter(({ index }) => firmwarePcrs.includes(index));
  const others = firmware.filter(({ index, sha256 }) => !equalBytes(replayed[index] ?? new Uint8Array(0), sha256));
  return others.length === 0
    ? pass(id, `leads to PCR ${firmware.map(({ index }) => index).join(", ")}`)
    : fail(id, `does not lead to PCR ${others.map(({ index }) => index).join(", ")}`, "Start the machine again.");
}
