import type { PersonId } from "@darkbloom/protocol/ids";
import type { Identities, Identity } from "../accounts/identities.ts";

/** Identities with nothing behind them: for tests and networks in one process. */
export class MemoryIdentities implements Identities {
  readonly #kept = new Map<string, Identity>();

  async put(identity: Identity): Promise<void> {
    this.#kept.set(nameOf(identity.issuer, identity.subject), identity);
  }

  async find(issuer: string, subject: string): Promise<Identity | undefined> {
    return this.#kept.get(nameOf(issuer, subject));
  }

  async of(personId: PersonId): Promise<Identity[]> {
    const theirs = [...this.#kept.values()].filter((one) => one.personId === personId);
    return theirs.toSorted((a, b) => a.createdAt - b.createdAt);
  }

  async removeOf(personId: PersonId): Promise<void> {
    for (const [name, one] of this.#kept) if (one.personId === personId) this.#kept.delete(name);
  }
}

const nameOf = (issuer: string, subject: string): string => JSON.stringify([issuer, subject]);
