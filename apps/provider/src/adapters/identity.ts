import type { Signer } from "@darkbloom/protocol";
import type { DataFolder } from "@darkbloom/protocol/node";
import { IdentityKeyError } from "./identity-file.ts";
import { openSoftwareKey, SOFTWARE_KEY_FILE } from "./software-key.ts";
import { TPM_KEY_FILE, TpmKey, type TpmPlace } from "./tpm/tpm-key.ts";

/** Where an identity key may live; `auto` takes the TPM where it can. */
export const identityChoices = ["software", "tpm", "auto"] as const;
export type IdentityChoice = (typeof identityChoices)[number];

/** This machine's identity key, opened. Disposing gives back what it holds. */
export interface Identity extends AsyncDisposable {
  readonly home: "software" | "tpm";
  /** A sentence for the machine's owner. */
  readonly reason: string;
  readonly signer: Signer;
  /** The same key, with its evidence, where it lives in a TPM. */
  readonly tpm?: TpmKey;
}

/**
 * Opens the folder's identity key, and makes one at the first start. `auto` keeps an identity that the folder
 * has: another key is another machine to everybody else.
 *
 * @throws IdentityKeyError with a sentence for the owner
 */
export async function openIdentity(folder: DataFolder, choice: IdentityChoice, place: TpmPlace): Promise<Identity> {
  switch (choice) {
    case "software":
      return inFile(folder, "The identity key is a file, as --identity software says.");
    case "tpm":
      return await inTpm(folder, place, "The identity key is in the TPM, as --identity tpm says.");
    case "auto":
      if (folder.read(TPM_KEY_FILE)) return await inTpm(folder, place, "The identity key is in the TPM.");
      if (folder.read(SOFTWARE_KEY_FILE))
        return inFile(
          folder,
          "The identity key is a file, which this folder has already; --identity tpm makes a new one in the TPM.",
        );
      try {
        return await inTpm(folder, place, "The identity key is in the TPM, which can be used.");
      } catch (error) {
        if (!(error instanceof IdentityKeyError)) throw error;
        return inFile(folder, `The identity key is a file, since the TPM cannot be used. ${error.message}`);
      }
  }
}

function inFile(folder: DataFolder, reason: string): Identity {
  return { home: "software", reason, signer: openSoftwareKey(folder), [Symbol.asyncDispose]: async () => {} };
}

async function inTpm(folder: DataFolder, place: TpmPlace, reason: string): Promise<Identity> {
  const tpm = await TpmKey.open(folder, place);
  return { home: "tpm", reason, signer: tpm, tpm, [Symbol.asyncDispose]: () => tpm[Symbol.asyncDispose]() };
}
