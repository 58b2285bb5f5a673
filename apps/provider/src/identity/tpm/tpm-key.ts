import { createHash } from "node:crypto";
import { joinBytes, fromBase64, toBase64, toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { TpmCredential, TpmEvidence, TpmQuote } from "@darkbloom/protocol/evidence";
import type { Clock } from "@darkbloom/protocol/ports";
import type { Signer } from "@darkbloom/protocol/signer";
import type { DataFolder } from "@darkbloom/protocol/node";
import * as z from "zod";
import { IdentityKeyError, readIdentityFile } from "../identity-file.ts";
import { create, createPrimary, handles, load, sign, type WrappedKey } from "./commands.ts";
import { EVENT_LOG } from "./event-log.ts";
import { pointOf, templates, withoutPoint } from "./templates.ts";
import { gatherEvidence, openCredential, takeQuote } from "./tpm-evidence.ts";
import { TpmError } from "./tpm-error.ts";
import { Tpm, type TpmObject } from "./tpm.ts";
import type { TpmAddress } from "./transport.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export const TPM_KEY_FILE = "tpm-identity.json";

const wrapped = z
  .strictObject({ public: z.base64(), private: z.base64() })
  .transform((key): WrappedKey => ({ publicArea: fromBase64(key.public), privateArea: fromBase64(key.private) }));
const keyFile = z.strictObject({ v: z.literal(1), identity: wrapped, attestation: wrapped });
type Keys = Omit<z.infer<typeof keyFile>, "v">;

export interface TpmPlace {
  readonly address: TpmAddress;
  readonly clock: Clock;
  /** Where the firmware's event log is, if not where Linux has it. */
  readonly eventLogPath?: string;
}

/**
 * The folder's identity key in the machine's TPM: P-256, made there at the first start and never outside of
 * it. The folder holds it wrapped, so that this TPM alone can load it; with it an attestation key, by
 * which the TPM says where the identity key lives.
 *
 * One thing is done at a time. A connection that breaks, as by a sleep of the machine, is made again once.
 */
export class TpmKey implements Signer, AsyncDisposable {
  readonly publicKey: Bytes;
  readonly #place: TpmPlace;
  readonly #keys: Keys;
  #lastTurn: Promise<unknown> = Promise.resolve();
  #opened: OpenKey | undefined;

  private constructor(parts: {
    readonly place: TpmPlace;
    readonly keys: Keys;
    readonly publicKey: Bytes;
    readonly opened: OpenKey;
  }) {
    this.#place = parts.place;
    this.#keys = parts.keys;
    this.publicKey = parts.publicKey;
    this.#opened = parts.opened;
  }

  /** @throws IdentityKeyError with a sentence that says what to do */
  static async open(folder: DataFolder, place: TpmPlace): Promise<TpmKey> {
    const keyPath = folder.file(TPM_KEY_FILE);
    try {
      const stored = storedKeys(folder);
      await using opening = new AsyncDisposableStack();
      const tpm = opening.use(await Tpm.connect(place.address, place.clock));
      const keys = stored ?? (await makeKeys(tpm));
      const publicKey = pointOf(templates.identity, keys.identity.publicArea);
      pointOf(templates.attestation, keys.attestation.publicArea);
      // Loaded once, so that a folder without its attestation key is found out at the start.
      await (await loadKey(tpm, keys.attestation))[Symbol.asyncDispose]();
      const identity = opening.use(await loadKey(tpm, keys.identity));
      if (!stored) folder.write(TPM_KEY_FILE, textOf(keys));
      return new TpmKey({ place, keys, publicKey, opened: { tpm, identity, scope: opening.move() } });
    } catch (error) {
      throw explained(error, keyPath);
    }
  }

  signTagged(...[tag, message]: Parameters<Signer["signTagged"]>): Promise<Bytes> {
    return this.#sign(utf8(tag), message);
  }

  async signResponseHash(hash: Uint8Array): Promise<Bytes> {
    if (hash.length !== 32) throw new RangeError("a response hash has 32 bytes");
    return await this.#sign(utf8(toHex(hash)));
  }

  /** What shows the coordinator that this key lives in a genuine TPM. Takes as long as making an endorsement key. */
  evidence(): Promise<TpmEvidence> {
    return this.#withAttestation((tpm, attestation, identity) =>
      gatherEvidence(tpm, { identity, attestation, point: this.publicKey }),
    );
  }

  /** The machine's measurements, signed by the attestation key. @param qualifyingData at most 32 bytes */
  quote(qualifyingData: Uint8Array): Promise<TpmQuote> {
    return this.#withAttestation((tpm, attestation) =>
      takeQuote(tpm, attestation, qualifyingData, this.#place.eventLogPath ?? EVENT_LOG),
    );
  }

  /** The secret in a credential that was made for this endorsement key and this attestation key. @throws TpmError for any other */
  activate(credential: TpmCredential): Promise<Bytes> {
    return this.#withAttestation((tpm, attestation) => openCredential(tpm, attestation, credential));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lastTurn;
    await this.#leave();
  }

  #sign(...parts: readonly Uint8Array[]): Promise<Bytes> {
    const digest = createHash("sha256").update(joinBytes(parts)).digest();
    return this.#use(async ({ tpm, identity }) => (await tpm.run(sign(identity.handle, digest))).der);
  }

  #withAttestation<T>(work: (tpm: Tpm, attestation: TpmObject, identity: TpmObject) => Promise<T>): Promise<T> {
    return this.#use(async ({ tpm, identity }) => {
      await using attestation = await loadKey(tpm, this.#keys.attestation);
      return await work(tpm, attestation, identity);
    });
  }

  #use<T>(work: (open: OpenKey) => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(async () => {
      try {
        return await work(await this.#open());
      } catch (error) {
        if (!isForgotten(error)) throw error;
        await this.#leave();
        return await work(await this.#open());
      }
    });
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }

  /** Later the TPM's own error is what tells a chip that is away from a fault in the program. */
  async #open(): Promise<OpenKey> {
    if (this.#opened) return this.#opened;
    await using opening = new AsyncDisposableStack();
    const tpm = opening.use(await Tpm.connect(this.#place.address, this.#place.clock));
    const identity = opening.use(await loadKey(tpm, this.#keys.identity));
    return (this.#opened = { tpm, identity, scope: opening.move() });
  }

  async #leave(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.scope.disposeAsync();
  }
}

/**
 * What the TPM says of itself, for the owner to see that it answers.
 *
 * @throws IdentityKeyError as `TpmKey.open` does
 */
export async function describeTpm({ address, clock }: TpmPlace): Promise<Awaited<ReturnType<Tpm["describe"]>>> {
  try {
    await using tpm = await Tpm.connect(address, clock);
    return await tpm.describe();
  } catch (error) {
    throw explained(error, TPM_KEY_FILE);
  }
}

interface OpenKey {
  readonly tpm: Tpm;
  readonly identity: TpmObject;
  /** Everything above. */
  readonly scope: AsyncDisposableStack;
}

/** The connection is gone, or the TPM does not know our key any more. */
const isForgotten = (error: unknown): boolean =>
  error instanceof TpmError && (error.code === "lost" || error.code === "handle");

/** The parent leaves at once: a resource manager lets each connection hold three keys only. */
async function loadKey(tpm: Tpm, key: WrappedKey): Promise<TpmObject> {
  await using parent = await tpm.hold(createPrimary(handles.owner, withoutPoint(templates.storage)));
  return await tpm.hold(load(parent.handle, key));
}

async function makeKeys(tpm: Tpm): Promise<Keys> {
  await using parent = await tpm.hold(createPrimary(handles.owner, withoutPoint(templates.storage)));
  const identity = await tpm.run(create(parent.handle, withoutPoint(templates.identity)));
  const attestation = await tpm.run(create(parent.handle, withoutPoint(templates.attestation)));
  return { identity, attestation };
}

function storedKeys(folder: DataFolder): Keys | undefined {
  const text = readIdentityFile(folder, TPM_KEY_FILE)?.toString();
  if (text === undefined) return undefined;
  try {
    return keyFile.parse(JSON.parse(text));
  } catch {
    throw new IdentityKeyError(
      `The file ${folder.file(TPM_KEY_FILE)} is not what a TPM's identity key is kept in. Restore it from a backup, or move it away, and this machine gets a new identity.`,
    );
  }
}

function textOf(keys: Keys): string {
  const spelled = ({ publicArea, privateArea }: WrappedKey) => ({
    public: toBase64(publicArea),
    private: toBase64(privateArea),
  });
  const { identity, attestation } = keys;
  return `${JSON.stringify({ v: 1, identity: spelled(identity), attestation: spelled(attestation) }, null, 2)}\n`;
}

/** What the machine's owner can do about it. */
function explained(error: unknown, keyPath: string): unknown {
  return error instanceof TpmError ? new IdentityKeyError(sentenceOf(error, keyPath), { cause: error }) : error;
}

function sentenceOf({ code, message }: TpmError, keyPath: string): string {
  switch (code) {
    case "integrity":
      return `The identity key in ${keyPath} was made by another TPM, or this machine's TPM was cleared since. Use the folder on the machine that made it, or move the file away, and this machine gets a new identity.`;
    case "malformed":
      return `The TPM and the identity key in ${keyPath} do not fit what the TPM 2.0 specification says. Restore the file from a backup, or move it away, and this machine gets a new identity.`;
    case "unreachable":
      return "There is no TPM at the address that --tpm gives. If the machine has one, switch it on in the firmware's settings, or start with --identity software, which is another identity.";
    case "denied":
      return "This user may not open the TPM. Add the user to the group that owns the device, which is 'tss' on most systems, or start with --identity software, which is another identity.";
    case "auth_refused":
      return "The TPM's owner hierarchy has a password or is switched off. Take the password away (tpm2_changeauth -c owner) or switch the hierarchy on, or start with --identity software, which is another identity.";
    case "locked_out":
      return "The TPM is locked after wrong passwords. Wait until it opens again (tpm2_getcap properties-variable tells), or clear the lock with tpm2_dictionarylockout.";
    case "not_started":
    case "broken":
      return `The TPM does not work (${message}). Restart the machine.`;
    case "out_of_memory":
      return "The TPM has no room for another key. Give the resource manager's device, /dev/tpmrm0, with --tpm.";
    case "busy":
    case "timeout":
    case "lost":
      return `The TPM does not answer (${message}). Another program may hold it; use the resource manager's device, /dev/tpmrm0.`;
    case "unsupported":
    case "handle":
    case "refused":
      return `The TPM refuses what an identity key needs (${message}): ECDSA with P-256 and SHA-256. Start with --identity software, which is another identity.`;
  }
}
