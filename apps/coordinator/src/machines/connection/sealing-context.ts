import { fromBase64 } from "@darkbloom/protocol/bytes";
import type { Sha256Hex } from "@darkbloom/protocol/ids";
import { HPKE_CONTEXT_LIFE_MS } from "@darkbloom/protocol/limits";
import type { Clock } from "@darkbloom/protocol/ports";
import { SEAL_INFO, type Hpke, type HpkeContext } from "@darkbloom/protocol/sealing";
import type { Sealing } from "../ports.ts";
import type { Shown } from "../trust/shown.ts";

/** What sealing needs of what a machine has shown. */
type SealedFor = Pick<Shown, "sha256"> & { readonly blob: Pick<Shown["blob"], "hpke_keys"> };

/** The context that seals for one machine's present key: one public-key step an hour, not one a request. */
export class SealingContext {
  readonly #net: { readonly clock: Clock; readonly hpke: Hpke };
  #kept: { readonly context: HpkeContext; readonly madeAtMs: number; readonly of: Sha256Hex } | undefined;

  constructor(net: { readonly clock: Clock; readonly hpke: Hpke }) {
    this.#net = net;
  }

  of({ blob, sha256 }: SealedFor): Omit<Sealing, "nowMs"> {
    const nowMs = this.#net.clock.monotonicMs();
    const [key] = blob.hpke_keys;
    if (!key) throw new RangeError("a checked blob names no HPKE key");
    if (this.#kept?.of !== sha256 || nowMs - this.#kept.madeAtMs > HPKE_CONTEXT_LIFE_MS) {
      const context = this.#net.hpke.sealContext(key.suite, fromBase64(key.public_key), SEAL_INFO);
      this.#kept = { context, madeAtMs: nowMs, of: sha256 };
    }
    return { context: this.#kept.context, keyId: key.id, suite: key.suite, evidenceSha256: sha256 };
  }
}
