import { toBase64, toHex } from "@darkbloom/protocol/bytes";
import { canonicalBytes } from "@darkbloom/protocol/canonical";
import { signOffer, type Signed } from "@darkbloom/protocol/evidence";
import type { Crypto } from "@darkbloom/protocol/ports";
import type { Signer } from "@darkbloom/protocol/signer";
import type { Offer } from "@darkbloom/protocol/wire";

/** What this machine can be asked for now. */
export type Offered = Pick<Offer, "slots" | "models">;

/** What this machine offers, signed anew only where that has become something else. */
export class Offers {
  readonly #tools: { readonly crypto: Crypto; readonly signer: Signer };
  readonly #describe: () => Offered;
  #latest: (Signed & { readonly sha256: string }) | undefined;

  constructor(tools: { readonly crypto: Crypto; readonly signer: Signer }, describe: () => Offered) {
    this.#tools = tools;
    this.#describe = describe;
  }

  /** Requests that may run at once. */
  get slots(): number {
    return this.#describe().slots;
  }

  /** What a challenge is answered over: the one that was shown last. */
  get sha256(): string {
    if (!this.#latest) throw new RangeError("no offer was shown yet");
    return this.#latest.sha256;
  }

  /** Whether the one that was shown last is no longer what this machine offers. */
  get isOld(): boolean {
    return this.#sha256Of(this.#now()) !== this.#latest?.sha256;
  }

  async show(): Promise<Signed> {
    const offer = this.#now();
    const sha256 = this.#sha256Of(offer);
    if (this.#latest?.sha256 !== sha256) this.#latest = { ...(await signOffer(this.#tools.signer, offer)), sha256 };
    return this.#latest;
  }

  #now(): Offer {
    return { v: 1, identity_key: toBase64(this.#tools.signer.publicKey), ...this.#describe() };
  }

  #sha256Of(offer: Offer): string {
    return toHex(this.#tools.crypto.sha256(canonicalBytes(offer)));
  }
}
