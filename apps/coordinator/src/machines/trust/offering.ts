import type { Offer } from "@darkbloom/protocol/wire";
import type { MachineView, OfferedModel } from "../ports.ts";
import type { ShownOffer } from "./shown.ts";

const modelsOf = ({ offer }: ShownOffer): readonly OfferedModel[] =>
  offer.models.map(({ build, weights_sha256, context_tokens, token_bytes_max, tasks }) => ({
    build,
    weightsSha256: weights_sha256,
    contextTokens: context_tokens,
    ...(token_bytes_max !== undefined && { tokenBytesMax: token_bytes_max }),
    ...(tasks && { tasks }),
  }));

/**
 * What may be asked of a machine, by the offer that counts. Of a newer one, which waits for its challenge, only what it
 * withdraws: that is gone, and what it adds is not believed yet.
 */
export class Offering {
  #counts: Offer;
  #newest: Offer;
  /** Of the offer that counts. */
  models: readonly OfferedModel[];
  askable: Pick<MachineView, "models" | "slots">;

  constructor(shown: ShownOffer) {
    this.#counts = this.#newest = shown.offer;
    this.models = modelsOf(shown);
    this.askable = this.#left();
  }

  announce(newest: Offer): void {
    this.#newest = newest;
    this.askable = this.#left();
  }

  /** A challenge that names this offer was passed. */
  count(shown: ShownOffer): void {
    // The list stays the same object for as long as it says the same: the fleet finds machines by it.
    if (shown.offer !== this.#counts) this.models = modelsOf(shown);
    this.#counts = shown.offer;
    this.askable = this.#left();
  }

  #left(): Pick<MachineView, "models" | "slots"> {
    const [counts, newest] = [this.#counts, this.#newest];
    if (counts === newest) return { models: this.models, slots: counts.slots };
    const left = this.models.filter(({ build }) => newest.models.some((model) => model.build === build));
    return { models: left, slots: Math.min(counts.slots, newest.slots) };
  }
}
