import * as z from "zod";
import type { Revocations } from "./verdict.ts";

/** A list as its issuer writes it, in JSON. */
const revocationList = z.object({
  at: z.iso.datetime(),
  /** SHA-256 over the 65 bytes of each identity key. */
  identity_key_sha256: z.array(z.string().regex(/^[0-9a-f]{64}$/)),
});

/** @returns undefined where the text is no list */
export function readRevocations(text: string): Revocations | undefined {
  try {
    const { at, identity_key_sha256 } = revocationList.parse(JSON.parse(text));
    return { at: Date.parse(at), identityKeySha256: new Set(identity_key_sha256) };
  } catch {
    return undefined;
  }
}
