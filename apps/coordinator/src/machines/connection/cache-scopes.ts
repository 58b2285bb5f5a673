import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { AccountId } from "@darkbloom/protocol/ids";
import type { Crypto, Random } from "@darkbloom/protocol/ports";

/** Names of accounts towards one machine. A secret of the connection makes them, so that machines cannot compare whom they serve. */
export class CacheScopes {
  readonly #crypto: Crypto;
  readonly #secret: Uint8Array;

  constructor({ crypto, random }: { readonly crypto: Crypto; readonly random: Random }) {
    this.#crypto = crypto;
    this.#secret = random.bytes(32);
  }

  of(account: AccountId): string {
    return toHex(this.#crypto.sha256(this.#secret, utf8(account)).subarray(0, 16));
  }
}
