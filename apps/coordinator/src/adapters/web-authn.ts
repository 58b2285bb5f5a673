import { fromBase64Url, toBase64Url, utf8 } from "@darkbloom/protocol/bytes";
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from "@simplewebauthn/server";
import * as z from "zod";
import type { NewCredential, Passkey, PasskeyChecks, Site } from "../accounts/passkeys.ts";

/** A device's words, in base64url. */
const part = z.string().max(4_096);
const common = { id: part, rawId: part, type: z.literal("public-key"), clientExtensionResults: z.object({}) };
const newCredential = z.object({
  ...common,
  response: z.object({ clientDataJSON: part, attestationObject: part }),
}) satisfies z.ZodType<RegistrationResponseJSON>;
const usedCredential = z.object({
  ...common,
  response: z.object({ clientDataJSON: part, authenticatorData: part, signature: part, userHandle: part }),
}) satisfies z.ZodType<AuthenticationResponseJSON>;

/** How long a browser asks its person for a passkey, in our options. */
const PASSKEY_ASK_MS = 5 * 60_000;

/** WebAuthn by a library, which is loaded when somebody first uses a passkey. */
export class WebAuthn implements PasskeyChecks {
  async optionsForNew({ rpId }: Site, { personId, name, known }: Parameters<PasskeyChecks["optionsForNew"]>[1]) {
    const { generateRegistrationOptions } = await import("@simplewebauthn/server");
    const options = await generateRegistrationOptions({
      rpName: "Darkbloom",
      rpID: rpId,
      userID: utf8(personId),
      userName: name,
      timeout: PASSKEY_ASK_MS,
      // Which maker's device it is decides nothing here.
      attestationType: "none",
      excludeCredentials: known.map((id) => ({ id })),
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
    });
    return { challenge: options.challenge, options };
  }

  async checkNew({ origin, rpId }: Site, challenge: string, credential: unknown): Promise<NewCredential | undefined> {
    const response = newCredential.safeParse(credential);
    if (!response.success) return undefined;
    const { verifyRegistrationResponse } = await import("@simplewebauthn/server");
    const checked = await fitting(
      verifyRegistrationResponse({
        response: response.data,
        expectedChallenge: challenge,
        expectedOrigin: origin,
        expectedRPID: rpId,
        requireUserVerification: true,
      }),
    );
    if (!checked?.verified) return undefined;
    const { id, publicKey, counter } = checked.registrationInfo.credential;
    return { credentialId: id, publicKey: toBase64Url(publicKey), counter };
  }

  /** Without a list of passkeys: the device knows which are good here, and nobody learns by asking. */
  async optionsForUse({ rpId }: Site) {
    const { generateAuthenticationOptions } = await import("@simplewebauthn/server");
    const options = await generateAuthenticationOptions({
      rpID: rpId,
      timeout: PASSKEY_ASK_MS,
      userVerification: "required",
    });
    return { challenge: options.challenge, options };
  }

  async checkUse(
    { origin, rpId }: Site,
    challenge: string,
    credential: unknown,
    { credentialId, personId, publicKey, counter }: Passkey,
  ): Promise<number | undefined> {
    const response = usedCredential.safeParse(credential);
    // Whose it is stands in the device as well (WebAuthn §7.2, step 6).
    if (!response.success || response.data.response.userHandle !== toBase64Url(utf8(personId))) return undefined;
    const { verifyAuthenticationResponse } = await import("@simplewebauthn/server");
    const checked = await fitting(
      verifyAuthenticationResponse({
        response: response.data,
        expectedChallenge: challenge,
        expectedOrigin: origin,
        expectedRPID: rpId,
        credential: { id: credentialId, publicKey: fromBase64Url(publicKey), counter },
        requireUserVerification: true,
      }),
    );
    return checked?.verified === true ? checked.authenticationInfo.newCounter : undefined;
  }
}

/** The library throws for whatever does not fit. */
const fitting = <Checked>(checking: Promise<Checked>): Promise<Checked | undefined> => checking.catch(() => undefined);
