import { canonicalJson } from "../canonical.ts";
import { fromBase64OrNothing, fromHex, utf8 } from "../bytes.ts";
import { either, unknown } from "../evidence/check.ts";
import type { Check } from "../evidence/check.ts";
import { leafOf, receiptDigest, receiptEntry } from "../log/entries.ts";
import type { NoteKey } from "../log/note.ts";
import { openProofFile } from "../log/proof-file.ts";
import type { Crypto } from "../ports.ts";
import type { Commitments, Receipt, ReceiptDocument } from "./receipt.ts";
import { countersignatureMessage, receiptMessage } from "./signing.ts";

/** What the caller knows without the receipt. Whatever is absent is reported as `unknown`. */
export interface KnownOfAnswer {
  /** The coordinator's keys, by id; from `/.well-known/darkbloom`, or pinned. */
  readonly coordinatorKeys: ReadonlyMap<string, Uint8Array>;
  /** Lower-case hex over the exact bytes that were sent and received. */
  readonly requestSha256?: string;
  readonly responseSha256?: string;
  readonly nonce?: string;
  /** `x-se-signature`, base64. */
  readonly responseSignature?: string | undefined;
  /** Base64 of the machine's identity key, where the caller has pinned or verified one. */
  readonly identityKey?: string | undefined;
  /** Of a sealed answer, what its caller alone knows. */
  readonly sealed?: {
    /** Lower-case hex over the body that was opened. */
    readonly responseSha256: string;
    /** What both ends come to, from what was sent and what came. */
    readonly commitments: Commitments;
    /** The key that the request was sealed to, of the machine that answered. */
    readonly hpkeKeyId: string;
  };
  /** The key of the coordinator's log; from `/.well-known/darkbloom`, or pinned. */
  readonly logKey?: NoteKey | undefined;
}

/** Checks a receipt step by step, as its caller can: every check is kept, whatever the others say. */
export async function verifyReceipt(crypto: Crypto, document: ReceiptDocument, known: KnownOfAnswer): Promise<Check[]> {
  const { receipt } = document;
  const jcs = jcsOf(receipt);
  const identityKey = fromBase64OrNothing(receipt.identity_key);
  const providerSignature = fromBase64OrNothing(document.provider_signature);
  const coordinatorKey = known.coordinatorKeys.get(document.coordinator_key_id);
  const countersigned = countersignatureMessage(
    jcs,
    providerSignature,
    document.coordinator_key_id,
    document.countersigned_at,
  );
  return [
    decided("receipt.signature", await crypto.verifyP256(identityKey, receiptMessage(jcs), providerSignature)),
    coordinatorKey
      ? decided(
          "receipt.countersignature",
          await crypto.verifyEd25519(
            coordinatorKey,
            countersigned,
            fromBase64OrNothing(document.coordinator_signature),
          ),
        )
      : notGiven("receipt.countersignature", "Give the coordinator's key: GET /.well-known/darkbloom publishes it."),
    compared("receipt.request", known.requestSha256, receipt.request_sha256),
    compared("receipt.response", known.responseSha256, receipt.response_sha256),
    compared("receipt.nonce", known.nonce, receipt.nonce),
    compared("receipt.identity", known.identityKey, receipt.identity_key),
    ...(known.sealed || receipt.privacy === "sealed" ? sealedChecks(receipt, known) : []),
    known.responseSignature === undefined || (receipt.privacy === "sealed" && !known.sealed)
      ? notGiven("response.signature", "Give the response's x-se-signature.")
      : decided(
          "response.signature",
          await crypto.verifyP256(
            identityKey,
            // Of a sealed answer it is over the plaintext's hash, which no receipt has.
            utf8(known.sealed?.responseSha256 ?? receipt.response_sha256),
            fromBase64OrNothing(known.responseSignature),
          ),
        ),
    ...(document.log ? [await logged(crypto, document, document.log, known.logKey)] : []),
  ];
}

/** Of what only both ends of a seal know; that it was sealed at all is one of them. */
const sealedChecks = (receipt: Receipt, { sealed }: KnownOfAnswer): Check[] => [
  compared("receipt.privacy", sealed && "sealed", receipt.privacy),
  compared("receipt.hpke_key", sealed?.hpkeKeyId, receipt.hpke_key_id),
  compared("receipt.request_commitment", sealed?.commitments.request_commitment, receipt.request_commitment),
  compared("receipt.response_commitment", sealed?.commitments.response_commitment, receipt.response_commitment),
  compared("receipt.private_commitment", sealed?.commitments.private_commitment, receipt.private_commitment),
];

/** Whether the log's key signed a tree that holds this very receipt. */
async function logged(
  crypto: Crypto,
  document: ReceiptDocument,
  { blind, proof }: NonNullable<ReceiptDocument["log"]>,
  key: NoteKey | undefined,
): Promise<Check> {
  if (!key) return notGiven("receipt.logged", "Give the log's key: GET /.well-known/darkbloom publishes it.");
  const digest = digestOf(crypto, document);
  const leaf = digest && leafOf(crypto, receiptEntry(crypto, digest, fromHex(blind)));
  const proven = leaf && (await openProofFile(crypto, proof, key, leaf));
  return either(
    "receipt.logged",
    proven !== undefined,
    `at index ${proven?.index ?? 0} of the ${proven?.checkpoint.size ?? 0} entries that the log's checkpoint counts`,
    "the log's key signed no tree that holds this receipt",
    DISTRUST,
  );
}

function digestOf(crypto: Crypto, document: ReceiptDocument): Uint8Array | undefined {
  try {
    return receiptDigest(crypto, document);
  } catch {
    return undefined;
  }
}

/** A receipt with half a character in it has no canonical form; nobody can have signed it. */
function jcsOf(receipt: Receipt): string {
  try {
    return canonicalJson(receipt);
  } catch {
    return "";
  }
}

const DISTRUST = "Do not trust this answer; tell the operator its job id.";

const decided = (id: string, good: boolean): Check =>
  either(id, good, "the signature is good", "the signature is not over these bytes by this key", DISTRUST);

const notGiven = (id: string, remedy: string): Check => unknown(id, "not given", remedy);

function compared(id: string, known: string | undefined, signed: string | undefined): Check {
  if (known === undefined) return notGiven(id, "Give what you sent or received to compare.");
  return either(id, known === signed, "equal", "the receipt names another", DISTRUST);
}
