import * as z from "zod";
import { concatBytes, fromBase64OrNothing, fromUtf8, toHex, utf8 } from "../bytes.ts";
import { canonicalBytes, canonicalJson } from "../canonical.ts";
import type { Crypto } from "../ports.ts";
import type { ReceiptDocument } from "../receipts/receipt.ts";
import { countersignatureMessage } from "../receipts/signing.ts";
import { shortText } from "../wire/registration.ts";
import { leafHash, type Hash } from "./merkle.ts";

const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const v = z.literal(1);

/**
 * What a log says, in canonical JSON (RFC 8785), one entry for each fact. A reader skips kinds that it does not know.
 */
export const logEntry = z.discriminatedUnion("kind", [
  /** A key that countersigns receipts. */
  z.object({ v, kind: z.literal("coordinator_key"), key_id: shortText, public_key: z.base64() }),
  /** The source files of a release, by the SHA-256 of their `sha256sum` manifest, as machines say that they run it. */
  z.object({ v, kind: z.literal("release"), name: shortText, version: shortText, code_sha256: hex64 }),
  /** The weights behind a build: of a GGUF file, or of the `sha256sum` manifest of its parts. */
  z.object({ v, kind: z.literal("weights"), build: shortText, weights_sha256: hex64 }),
  /** The keys to which requests for a machine were sealed, by the digest of the evidence that it signed. */
  z.object({
    v,
    kind: z.literal("provider_keys"),
    evidence_sha256: hex64,
    identity_key_sha256: hex64,
    hpke_key_ids: z.array(hex64),
  }),
  /** An identity that is withdrawn. */
  z.object({ v, kind: z.literal("revocation"), identity_key_sha256: hex64 }),
  /** A receipt, blinded: only who has the receipt and its blind can tell which. */
  z.object({ v, kind: z.literal("receipt"), commitment: hex64 }),
]);
export type LogEntry = z.infer<typeof logEntry>;

export const entryBytes = (entry: LogEntry): Uint8Array<ArrayBuffer> => canonicalBytes(entry);

/** Undefined for an entry of a kind that is not known here. */
export function readEntry(bytes: Uint8Array): LogEntry | undefined {
  try {
    return logEntry.safeParse(JSON.parse(fromUtf8(bytes))).data;
  } catch {
    return undefined;
  }
}

/** Over what the coordinator signed: the receipt, the provider's signature, key and time. */
export function receiptDigest(crypto: Crypto, document: ReceiptDocument): Hash {
  const { receipt, provider_signature, coordinator_key_id, countersigned_at } = document;
  return crypto.sha256(
    countersignatureMessage(
      canonicalJson(receipt),
      fromBase64OrNothing(provider_signature),
      coordinator_key_id,
      countersigned_at,
    ),
  );
}

const COMMITMENT_TAG = "darkbloom:log-receipt:v1\0";
export const BLIND_BYTES = 32;

/** The entry of a receipt. @param blind 32 secret bytes: without them nobody can try receipts against the log */
export function receiptEntry(crypto: Crypto, digest: Uint8Array, blind: Uint8Array): LogEntry {
  if (blind.length !== BLIND_BYTES) throw new RangeError(`a blind has ${BLIND_BYTES} bytes`);
  const commitment = toHex(crypto.sha256(concatBytes(utf8(COMMITMENT_TAG), blind, digest)));
  return { v: 1, kind: "receipt", commitment };
}

/** The leaf under which a log holds an entry. */
export const leafOf = (crypto: Crypto, entry: LogEntry): Hash => leafHash(crypto, entryBytes(entry));
