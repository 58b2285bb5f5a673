import type { Signer } from "@darkbloom/protocol/signer";
import type { DataFolder } from "@darkbloom/protocol/node";
import type { IdentityChoice } from "./choices.ts";
import { IdentityKeyError } from "./identity-file.ts";
import { openSecureEnclaveKey, SECURE_ENCLAVE_KEY_FILE, type SecureEnclaveOptions } from "./secure-enclave-key.ts";
import { openSoftwareKey, SOFTWARE_KEY_FILE } from "./software-key.ts";
import { TpmError } from "./tpm/tpm-error.ts";
import { nameOf } from "./tpm/transport.ts";
import { TPM_KEY_FILE, TpmKey, type TpmPlace } from "./tpm/tpm-key.ts";

export type IdentityHome = Exclude<IdentityChoice, "auto">;

/** What a folder keeps of a key in each place. Where it has several, the first is its identity: a file is left by choice only. */
export const identityFiles: Readonly<Record<IdentityHome, string>> = {
  tpm: TPM_KEY_FILE,
  "secure-enclave": SECURE_ENCLAVE_KEY_FILE,
  software: SOFTWARE_KEY_FILE,
};
const homes: readonly IdentityHome[] = ["tpm", "secure-enclave", "software"];

/** Where a folder's identity key lives; undefined for a new folder. @param has whether it has a file of this name */
export const homeIn = (has: (file: string) => boolean): IdentityHome | undefined =>
  homes.find((home) => has(identityFiles[home]));

/** How the chips are called in sentences. */
export const chipNames = { tpm: "the TPM", "secure-enclave": "the Secure Enclave" } as const;

/** The chip that a machine of this system may have for its key. */
export const chipOf = (platform: NodeJS.Platform): keyof typeof chipNames =>
  platform === "darwin" ? "secure-enclave" : "tpm";

/** Where the chips are. */
export interface IdentityPlace extends TpmPlace {
  readonly enclave?: SecureEnclaveOptions;
}

/** This machine's identity key, opened. Disposing gives back what it holds. */
export interface Identity extends AsyncDisposable {
  readonly home: IdentityHome;
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
export async function openIdentity(
  folder: DataFolder,
  choice: IdentityChoice,
  place: IdentityPlace,
): Promise<Identity> {
  if (choice !== "auto") return await opened(folder, choice, place, `, as --identity ${choice} says.`);

  const chip = chipOf(place.enclave?.platform ?? process.platform);
  const home = homeIn((file) => folder.read(file) !== undefined);
  if (home === "software")
    return inFile(folder, `, which this folder has already; --identity ${chip} makes a new one in ${chipNames[chip]}.`);
  if (home) return await opened(folder, home, place, ".");
  try {
    return await opened(folder, chip, place, ", which can be used.");
  } catch (error) {
    if (!(error instanceof IdentityKeyError)) throw error;
    if (chip === "tpm" && error.cause instanceof TpmError && error.cause.code === "unreachable")
      return inFile(folder, `: there is no TPM at ${nameOf(place.address)}.`);
    return inFile(folder, `, since ${chipNames[chip]} cannot be used. ${error.message}`);
  }
}

/** @param because the end of the sentence that says where the key is */
async function opened(
  folder: DataFolder,
  home: IdentityHome,
  place: IdentityPlace,
  because: string,
): Promise<Identity> {
  if (home === "software") return inFile(folder, because);
  const reason = `The identity key is in ${chipNames[home]}${because}`;
  if (home === "tpm") {
    const tpm = await TpmKey.open(folder, place);
    return { home, reason, signer: tpm, tpm, [Symbol.asyncDispose]: () => tpm[Symbol.asyncDispose]() };
  }
  const key = await openSecureEnclaveKey(folder, { clock: place.clock, ...place.enclave });
  return { home, reason, signer: key, [Symbol.asyncDispose]: () => key[Symbol.asyncDispose]() };
}

const inFile = (folder: DataFolder, because: string): Identity => ({
  home: "software",
  reason: `The identity key is a file${because}`,
  signer: openSoftwareKey(folder),
  [Symbol.asyncDispose]: async () => {},
});
