import { toBase64Url } from "@darkbloom/protocol/bytes";
import type { PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import { hashOfKey } from "./keys.ts";

/** How long a link is good, for somebody who sits before the terminal that printed it. */
export const LINK_LIFE_MS = 10 * 60_000;
/** Links that are open at once; of more the oldest is good no longer. */
export const LINKS_OPEN_MAX = 16;
const LINK_BYTES = 32;

interface LinkTools {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
}

interface OpenLink {
  readonly personId: PersonId;
  readonly untilMs: number;
}

/**
 * Links that sign somebody in, each once. They are in this process alone: who can have one made can as well have another, and
 * what is in no database is in no backup.
 */
export class SignInLinks {
  readonly #tools: LinkTools;
  /** By the hash of its secret, the oldest first. */
  readonly #open = new Map<Sha256Hex, OpenLink>();

  constructor(tools: LinkTools) {
    this.#tools = tools;
  }

  /** @returns the secret, which is shown this once */
  make(personId: PersonId): string {
    for (const oldest of this.#open.keys()) if (this.#open.size >= LINKS_OPEN_MAX) this.#open.delete(oldest);
    const secret = toBase64Url(this.#tools.random.bytes(LINK_BYTES));
    this.#open.set(this.#hashOf(secret), { personId, untilMs: this.#tools.clock.monotonicMs() + LINK_LIFE_MS });
    return secret;
  }

  /** @returns whom it signs in; undefined for one that is unknown, too old or used */
  redeem(secret: string): PersonId | undefined {
    const hash = this.#hashOf(secret);
    const link = this.#open.get(hash);
    this.#open.delete(hash);
    return link && this.#tools.clock.monotonicMs() < link.untilMs ? link.personId : undefined;
  }

  /** Whatever was made for somebody is good no longer. */
  forget(personId: PersonId): void {
    for (const [hash, link] of this.#open) if (link.personId === personId) this.#open.delete(hash);
  }

  #hashOf(secret: string): Sha256Hex {
    return hashOfKey(this.#tools.crypto, secret);
  }
}
