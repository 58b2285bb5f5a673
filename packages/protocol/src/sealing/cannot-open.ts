import * as z from "zod";
import { fromBase64OrNothing, toBase64, utf8 } from "../bytes.ts";
import { canonicalJson } from "../canonical.ts";
import type { Verifier } from "../ports.ts";
import { hex64 } from "../receipts/receipt-parts.ts";
import type { Signer } from "../signer.ts";
import { tags } from "../wire/registration.ts";

/**
 * What a machine signs about a sealed request that it cannot open: canonical JSON, under a tag of its own. By it a caller
 * knows that it was the machine that said so, and a coordinator that nobody but the request is to blame.
 */
const cannotOpen = z.object({
  v: z.literal(1),
  job_id: z.string(),
  /** Of the envelope as it came. */
  request_sha256: hex64,
  provider_id: z.string(),
  identity_key: z.base64(),
  at: z.iso.datetime(),
});
export type CannotOpen = z.infer<typeof cannotOpen>;

export interface SignedCannotOpen {
  readonly statement: string;
  /** Base64 of the DER signature over `"darkbloom:cannot-open:v1\0" ‖ statement`. */
  readonly signature: string;
}

export async function signCannotOpen(signer: Signer, said: CannotOpen): Promise<SignedCannotOpen> {
  const statement = canonicalJson(said);
  return { statement, signature: toBase64(await signer.signTagged(tags.cannotOpen, utf8(statement))) };
}

/** Whether the machine of this key said so, of this request. @param about all that is known of it */
export async function saysCannotOpen(
  crypto: Pick<Verifier, "verifyP256">,
  { statement, signature }: SignedCannotOpen,
  about: Omit<CannotOpen, "v" | "at">,
): Promise<boolean> {
  const said = parse(statement);
  if (!said || canonicalJson({ ...about, v: 1, at: said.at }) !== statement) return false;
  return crypto.verifyP256(
    fromBase64OrNothing(about.identity_key),
    utf8(tags.cannotOpen + statement),
    fromBase64OrNothing(signature),
  );
}

function parse(statement: string): CannotOpen | undefined {
  try {
    return cannotOpen.safeParse(JSON.parse(statement)).data;
  } catch {
    return undefined;
  }
}
