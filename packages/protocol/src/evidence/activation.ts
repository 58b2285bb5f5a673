import * as z from "zod";
import { concatBytes, fromUtf8, toHex, utf8 } from "../bytes.ts";
import { canonicalBytes } from "../canonical.ts";
import type { Crypto } from "../ports.ts";
import { tags } from "../wire/registration.ts";
import type { TpmEvidence } from "./tpm-evidence.ts";
import type { Check } from "./check.ts";

/**
 * A coordinator's word that it made a credential for this endorsement key and this attestation key, and that the
 * TPM opened it: the one link of a TPM's evidence that only whoever made the credential can see.
 */
export interface ActivationStatement {
  /** Canonical JSON, as signed. */
  readonly statement: Uint8Array;
  /** Ed25519, by the coordinator's key. */
  readonly signature: Uint8Array;
  readonly keyId: string;
}

const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const statementSchema = z.strictObject({
  v: z.literal(1),
  /** SHA-256 of each key's TPMT_PUBLIC. */
  ek_public_sha256: hex64,
  ak_public_sha256: hex64,
  at: z.iso.datetime(),
});

/** Longer statements are not read. */
const STATEMENT_BYTES_MAX = 1024;

/** What a coordinator signs. @param now milliseconds since 1970 */
export function activationStatement(
  crypto: Crypto,
  { ekPublic, akPublic }: Pick<TpmEvidence, "ekPublic" | "akPublic">,
  now: number,
): { readonly statement: Uint8Array<ArrayBuffer>; readonly message: Uint8Array<ArrayBuffer> } {
  const statement = canonicalBytes({
    v: 1,
    ek_public_sha256: toHex(crypto.sha256(ekPublic)),
    ak_public_sha256: toHex(crypto.sha256(akPublic)),
    at: new Date(now).toISOString(),
  } satisfies z.infer<typeof statementSchema>);
  return { statement, message: messageOf(statement) };
}

const messageOf = (statement: Uint8Array): Uint8Array<ArrayBuffer> => concatBytes(utf8(tags.tpmActivation), statement);

/**
 * What a statement says of this evidence. That two keys share a chip stays true, so its age does not matter.
 *
 * @param keys coordinators whose word is taken, by the id of their key
 * @returns `unknown` without a statement, or by a coordinator whose word is not taken
 */
export async function statedActivation(
  crypto: Crypto,
  { ekPublic, akPublic }: TpmEvidence,
  stated: ActivationStatement | undefined,
  keys: ReadonlyMap<string, Uint8Array>,
): Promise<Check["status"]> {
  const key = stated && keys.get(stated.keyId);
  if (!stated || !key || ekPublic.length === 0) return "unknown";
  const said = read(stated.statement);
  return said !== undefined &&
    (await crypto.verifyEd25519(key, messageOf(stated.statement), stated.signature)) &&
    said.ek_public_sha256 === toHex(crypto.sha256(ekPublic)) &&
    said.ak_public_sha256 === toHex(crypto.sha256(akPublic))
    ? "pass"
    : "fail";
}

function read(statement: Uint8Array): z.infer<typeof statementSchema> | undefined {
  if (statement.length > STATEMENT_BYTES_MAX) return undefined;
  try {
    return statementSchema.safeParse(JSON.parse(fromUtf8(statement))).data;
  } catch {
    return undefined;
  }
}

const KEY_ID_HEX_DIGITS = 16;

/** A coordinator's key is named by the first 16 hex digits of its SHA-256. @param publicKey 32 bytes (RFC 8032) */
export const coordinatorKeyId = (crypto: Crypto, publicKey: Uint8Array): string =>
  toHex(crypto.sha256(publicKey)).slice(0, KEY_ID_HEX_DIGITS);
