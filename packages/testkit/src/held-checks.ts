import { promptCrypto } from "@darkbloom/protocol/node";
import type { Crypto } from "@darkbloom/protocol/ports";

/** Signatures whose checks end when a test lets them, so that something may come in between; at once while nothing is held. */
export class HeldChecks {
  isHolding = false;
  /** Let one go on, in the order in which they began. */
  readonly held: (() => void)[] = [];
  readonly crypto: Crypto = {
    ...promptCrypto,
    verifyP256: (...given) => this.#let(() => promptCrypto.verifyP256(...given)),
    verifyEd25519: (...given) => this.#let(() => promptCrypto.verifyEd25519(...given)),
    verifySpki: (...given) => this.#let(() => promptCrypto.verifySpki(...given)),
  };

  /** Holds none any more. */
  release(): void {
    this.isHolding = false;
    for (const go of this.held.splice(0)) go();
  }

  async #let(check: () => Promise<boolean>): Promise<boolean> {
    if (this.isHolding) await new Promise<void>((go) => this.held.push(go));
    return await check();
  }
}
