import { canonicalBytes } from "../canonical.ts";
import type { Signer } from "../signer.ts";
import { tags, type ChallengeAnswer, type Offer, type RegistrationBlob } from "../wire/registration.ts";

/** What is sent and published: these very bytes, never a re-serialisation of what they say. */
export interface Signed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

export async function signBlob(signer: Signer, blob: RegistrationBlob): Promise<Signed> {
  const bytes = canonicalBytes(blob);
  return { bytes, signature: await signer.signTagged(tags.registration, bytes) };
}

export async function signOffer(signer: Signer, offer: Offer): Promise<Signed> {
  const bytes = canonicalBytes(offer);
  return { bytes, signature: await signer.signTagged(tags.offer, bytes) };
}

export async function signChallengeAnswer(signer: Signer, answer: ChallengeAnswer): Promise<Signed> {
  const bytes = canonicalBytes(answer);
  return { bytes, signature: await signer.signTagged(tags.challenge, bytes) };
}
