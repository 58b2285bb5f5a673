import { fromBase64OrNothing } from "@darkbloom/protocol/bytes";
import { readVerifierKey, type NoteKey } from "@darkbloom/protocol/log";
import type { Crypto } from "@darkbloom/protocol/ports";
import type { WellKnown } from "@darkbloom/protocol/wire";
import type { Coordinator } from "./coordinator.ts";
import type { Ports } from "./ports.ts";
import { KEYS_AGE_MS_MAX, REFRESH_EVERY_MS } from "./limits.ts";

/** What a coordinator publishes of itself, read once and kept. */
export class Published {
  readonly #crypto: Crypto;
  readonly #coordinator: Coordinator;
  readonly #now: () => number;
  #reading: Promise<WellKnown> | undefined;
  #readAt = 0;

  constructor({ crypto, now }: Pick<Ports, "crypto" | "now">, coordinator: Coordinator) {
    this.#crypto = crypto;
    this.#coordinator = coordinator;
    this.#now = now;
  }

  /** @throws DarkbloomError */
  wellKnown(): Promise<WellKnown> {
    if (!this.#reading || this.#now() - this.#readAt > KEYS_AGE_MS_MAX) this.#read();
    return this.#reading ?? this.#coordinator.wellKnown();
  }

  /** Its keys by their ids. One that is not known may be new: it is asked again then, and not all the time. */
  async keys(wantedId: string): Promise<ReadonlyMap<string, Uint8Array>> {
    const keys = keysIn(await this.wellKnown());
    if (keys.has(wantedId) || this.#now() - this.#readAt < REFRESH_EVERY_MS) return keys;
    this.#read();
    return keysIn(await this.wellKnown());
  }

  /** The key of its log, where it keeps one. */
  async logKey(): Promise<NoteKey | undefined> {
    const { log } = await this.wellKnown();
    return log && readVerifierKey(this.#crypto, log.verifier_key);
  }

  #read(): void {
    this.#readAt = this.#now();
    const reading = this.#coordinator.wellKnown();
    this.#reading = reading;
    // What could not be read is no reason to ask no more.
    reading.catch(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
  }
}

const keysIn = ({ coordinator_keys }: WellKnown): ReadonlyMap<string, Uint8Array> =>
  new Map(coordinator_keys.map(({ id, public_key }) => [id, fromBase64OrNothing(public_key)]));
