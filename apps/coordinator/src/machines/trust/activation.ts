import { equalBytes } from "@darkbloom/protocol/bytes";
import {
  activationStatement,
  type ActivationStatement,
  type Check,
  type TpmCredential,
  type TpmEvidence,
} from "@darkbloom/protocol/evidence";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";

const SECRET_BYTES = 32;

/** What an activation needs from outside. */
export interface ActivationNet {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  /** Gives our word on it, by the key with which receipts are countersigned. */
  readonly countersigner: { readonly keyId: string; sign(message: Uint8Array): Uint8Array<ArrayBuffer> };
  /** TPM2_MakeCredential without a TPM; undefined for an endorsement key of a kind that is not known. */
  readonly makeCredential: (tpm: TpmEvidence, secret: Uint8Array) => TpmCredential | undefined;
}

/**
 * Finds out whether a machine's attestation key shares a chip with its endorsement key: a secret is sealed so that
 * only this chip, holding this key, can read it (TPM 2.0 Library, Part 1, "Credential Protection"). Each
 * challenge carries a new one until one was read; that it was stays true for these two keys.
 */
export class Activation {
  readonly #net: ActivationNet;
  readonly #tpm: TpmEvidence | undefined;
  #secret: Uint8Array | undefined;
  #status: Check["status"] = "unknown";
  #statement: ActivationStatement | undefined;

  constructor(net: ActivationNet, tpm: TpmEvidence | undefined) {
    this.#net = net;
    this.#tpm = tpm;
  }

  /** `unknown` until a credential was sent, then whether the latest one was opened. */
  get status(): Check["status"] {
    return this.#status;
  }

  /** Our word on it, for others. */
  get statement(): ActivationStatement | undefined {
    return this.#statement;
  }

  /** What the next challenge carries; undefined where nothing is left to be found out. */
  next(): TpmCredential | undefined {
    this.#secret = undefined;
    if (!this.#tpm || this.#status === "pass") return undefined;
    const secret = this.#net.random.bytes(SECRET_BYTES);
    const credential = this.#net.makeCredential(this.#tpm, secret);
    if (credential) this.#secret = secret;
    return credential;
  }

  /** The answer to the challenge that carried it. @param secret undefined where the machine has not opened it */
  answered(secret: Uint8Array | undefined): void {
    if (!this.#tpm || !this.#secret) return;
    const opened = secret !== undefined && equalBytes(secret, this.#secret);
    this.#secret = undefined;
    this.#status = opened ? "pass" : "fail";
    if (!opened) return;
    const { crypto, clock, countersigner } = this.#net;
    const { statement, message } = activationStatement(crypto, this.#tpm, clock.now());
    this.#statement = { statement, signature: countersigner.sign(message), keyId: countersigner.keyId };
  }
}
