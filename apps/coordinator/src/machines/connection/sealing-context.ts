import { fromBase64 } from "@darkbloom/protocol/bytes";
import type { Sha256Hex } from "@darkbloom/protocol/ids";
import { HPKE_CONTEXT_LIFE_MS } from "@darkbloom/protocol/limits";
import type { Clock } from "@darkbloom/protocol/ports";
import { SEAL_INFO, suiteFor, type Hpke, type HpkeContext } from "@darkbloom/protocol/sealing";
import type { Sealing } from "../ports.ts";
import type { Showing } from "../trust/openers.ts";

/** The context that seals for one machine's present key: one public-key step an hour, not one a request. */
export class SealingContext {
  readonly #net: { readonly clock: Clock; readonly hpke: Hpke };
  #kept: { readonly context: HpkeContext; readonly madeAtMs: number; readonly of: Sha256Hex } | undefined;

  constructor(net: { readonly clock: Clock; readonly hpke: Hpke }) {
    this.#net = net;
  }

  of({ blob, sha256 }: Showing): Omit<Sealing, "nowMs"> {
    const nowMs = this.#net.clock.monotonicMs();
    const { hpke } = this.#net;
    const suite = suiteFor(hpke, [blob.hpke_keys]);
    const key = blob.hpke_keys.find((named) => named.suite === suite);
    if (!key) throw new RangeError("a checked blob names no HPKE key of ours");
    if (this.#kept?.of !== sha256 || nowMs - this.#kept.madeAtMs > HPKE_CONTEXT_LIFE_MS) {
      const context = hpke.sealContext(key.suite, fromBase64(key.public_key), SEAL_INFO);
      this.#kept = { context, madeAtMs: nowMs, of: sha256 };
    }
    return { context: this.#kept.context, keyId: key.id, suite: key.suite, evidenceSha256: sha256 };
  }
}
