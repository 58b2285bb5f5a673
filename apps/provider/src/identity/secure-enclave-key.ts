import { concatBytes, fromBase64OrNothing, toBase64, toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { Clock } from "@darkbloom/protocol/ports";
import type { Signer } from "@darkbloom/protocol/signer";
import { nodeCrypto, systemClock, type DataFolder } from "@darkbloom/protocol/node";
import * as z from "zod";
import { IdentityKeyError, readIdentityFile } from "./identity-file.ts";
import { builtHelper } from "./secure-enclave-build.ts";
import { HelperFailure, SecureEnclaveHelper, type HelperFault } from "./secure-enclave-helper.ts";

export const SECURE_ENCLAVE_KEY_FILE = "secure-enclave-key.json";

/** `key` is of use to this Mac's enclave alone; whoever can read it can, on this Mac, sign with it. */
const keyFile = z.object({ v: z.literal(1), key: z.base64(), public_key: z.base64() });

/** A `Signer` with a process behind it, which ends with it. */
export type SecureEnclaveKey = Signer & AsyncDisposable;

export interface SecureEnclaveOptions {
  readonly platform?: NodeJS.Platform;
  readonly clock?: Clock;
  /** The helper's command line; compiled where it is not given. */
  readonly helper?: readonly string[];
}

/**
 * The folder's identity key in this Mac's Secure Enclave, made at the first start. The key cannot be copied
 * from the machine. Mirrors `openSoftwareKey`; every signature is checked before it leaves.
 *
 * Has been run against a stand-in for the helper only, and never on a Mac.
 *
 * @throws IdentityKeyError where this machine cannot hold such a key, or the folder's cannot be used
 */
export async function openSecureEnclaveKey(
  folder: DataFolder,
  { platform = process.platform, clock = systemClock, helper: given }: SecureEnclaveOptions = {},
): Promise<SecureEnclaveKey> {
  const path = folder.file(SECURE_ENCLAVE_KEY_FILE);
  const kept = storedKey(folder);
  const failure = (because: string): IdentityKeyError =>
    new IdentityKeyError(
      kept
        ? `${because} The identity key of ${path} is in the Secure Enclave, and cannot be used so. To become another machine with another key, move this file away.`
        : because,
    );

  if (platform !== "darwin") throw failure("This machine is not a Mac, so it has no Secure Enclave.");
  const built = given ?? (await builtHelper(folder).then((program) => program && [program]));
  if (built === undefined || built === "")
    throw failure(
      "The helper for the Secure Enclave could not be compiled. Install Apple's command line tools with: xcode-select --install",
    );

  await using opening = new AsyncDisposableStack();
  const helper = opening.use(new SecureEnclaveHelper(built, clock));
  try {
    const { enclave } = await helper.ask({ do: "hello" });
    if (!enclave) throw failure("This Mac has no Secure Enclave.");
    const publicKey = kept ? await loaded(helper, kept) : await created(helper, folder);
    if (publicKey === undefined) throw failure("The Secure Enclave answered with another key than this folder's.");
    const parts = opening.move();
    return { ...signerOf(helper, publicKey), [Symbol.asyncDispose]: () => parts.disposeAsync() };
  } catch (error) {
    throw error instanceof HelperFailure ? failure(sentences[error.fault]) : error;
  }
}

function signerOf(helper: SecureEnclaveHelper, publicKey: Uint8Array<ArrayBuffer>): Signer {
  const sign = async (message: Uint8Array): Promise<Uint8Array<ArrayBuffer>> => {
    const answer = await helper.ask({ do: "sign", message: toBase64(message) });
    const signature = fromBase64OrNothing(answer.signature);
    // A helper that signs something else, or with something else, must not speak for this machine.
    if (!(await nodeCrypto.verifyP256(publicKey, message, signature))) throw new HelperFailure("failed");
    return signature;
  };
  return {
    publicKey,
    signTagged: async (tag, message) => sign(concatBytes(utf8(tag), message)),
    signResponseHash: async (hash) => {
      if (hash.length !== 32) throw new RangeError("a response hash has 32 bytes");
      return sign(utf8(toHex(hash)));
    },
  };
}

async function created(helper: SecureEnclaveHelper, folder: DataFolder): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const { key, public_key } = await helper.ask({ do: "create" });
  const publicKey = pointIn(public_key);
  if (!publicKey) return undefined;
  // A key that cannot sign must not become an identity that is never exchanged by itself.
  await signerOf(helper, publicKey).signResponseHash(new Uint8Array(32));
  folder.write(
    SECURE_ENCLAVE_KEY_FILE,
    `${JSON.stringify({ v: 1, key, public_key } satisfies z.infer<typeof keyFile>)}\n`,
  );
  helper.greetWith({ do: "load", key });
  return publicKey;
}

async function loaded(
  helper: SecureEnclaveHelper,
  { key, public_key: expected }: z.infer<typeof keyFile>,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const { public_key } = await helper.ask({ do: "load", key });
  helper.greetWith({ do: "load", key });
  return public_key === expected ? pointIn(public_key) : undefined;
}

/** The uncompressed point (SEC 1, 2.3.3). */
function pointIn(text: string): Uint8Array<ArrayBuffer> | undefined {
  const point = fromBase64OrNothing(text);
  return point.length === 65 && point[0] === 4 ? point : undefined;
}

function storedKey(folder: DataFolder): z.infer<typeof keyFile> | undefined {
  const text = readIdentityFile(folder, SECURE_ENCLAVE_KEY_FILE)?.toString();
  if (text === undefined) return undefined;
  try {
    return keyFile.parse(JSON.parse(text));
  } catch {
    throw new IdentityKeyError(
      `The file ${folder.file(SECURE_ENCLAVE_KEY_FILE)} is not a key of the Secure Enclave. Restore it from a backup, or move it away, and this machine gets a new identity.`,
    );
  }
}

const sentences: Readonly<Record<HelperFault, string>> = {
  bad_request: "The helper for the Secure Enclave did not understand a request.",
  no_enclave: "This Mac has no Secure Enclave.",
  no_key: "The helper for the Secure Enclave has lost the key.",
  bad_key: "The Secure Enclave of this Mac does not know the key: it was made on another one, or the Mac was erased.",
  failed: "The Secure Enclave could not make or use the key. Unlock the Mac once after its start, then try again.",
  not_started: "The helper for the Secure Enclave could not be started.",
  ended: "The helper for the Secure Enclave ended by itself.",
  silent: "The helper for the Secure Enclave does not answer.",
  junk: "The helper for the Secure Enclave does not keep to its protocol.",
  oversize: "The helper for the Secure Enclave does not keep to its protocol.",
  busy: "The helper for the Secure Enclave has too much to do.",
  closed: "The helper for the Secure Enclave was stopped.",
};
