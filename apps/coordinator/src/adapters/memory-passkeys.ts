import type { PersonId } from "@darkbloom/protocol/ids";
import { PASSKEYS_PER_PERSON_MAX, type Passkey, type Passkeys } from "../accounts/passkeys.ts";

/** Passkeys with nothing behind them: for tests and networks in one process. */
export class MemoryPasskeys implements Passkeys {
  readonly #kept = new Map<string, Passkey>();

  async add(passkey: Passkey): Promise<boolean> {
    if (this.#kept.has(passkey.credentialId)) return false;
    if ((await this.of(passkey.personId)).length >= PASSKEYS_PER_PERSON_MAX) return false;
    this.#kept.set(passkey.credentialId, passkey);
    return true;
  }

  async find(credentialId: string): Promise<Passkey | undefined> {
    return this.#kept.get(credentialId);
  }

  async of(personId: PersonId): Promise<Passkey[]> {
    const theirs = [...this.#kept.values()].filter((one) => one.personId === personId);
    return theirs.toSorted((a, b) => a.createdAt - b.createdAt);
  }

  async used(credentialId: string, counter: number, at: number): Promise<boolean> {
    const known = this.#kept.get(credentialId);
    if (!known || (counter <= known.counter && counter + known.counter > 0)) return false;
    this.#kept.set(credentialId, { ...known, counter, usedAt: at });
    return true;
  }

  async remove(personId: PersonId, passkeyId: string): Promise<boolean> {
    const theirs = (await this.of(personId)).find((one) => one.passkeyId === passkeyId);
    return theirs !== undefined && this.#kept.delete(theirs.credentialId);
  }

  async removeOf(personId: PersonId): Promise<void> {
    for (const { credentialId } of await this.of(personId)) this.#kept.delete(credentialId);
  }
}
