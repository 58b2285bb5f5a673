import type { PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import { INVITES_TOLD_MAX, type Invite, type Invites } from "../accounts/admission.ts";
import type { Person } from "../accounts/people.ts";

interface Kept {
  readonly secretHash: Sha256Hex | null;
  invite: Invite;
}

/** Invites with nothing behind them: for tests and networks in one process. */
export class MemoryInvites implements Invites {
  readonly #kept: Kept[] = [];

  async add(secretHash: Sha256Hex | null, invite: Invite): Promise<void> {
    if (!this.#find(invite.inviteId)) this.#kept.push({ secretHash, invite });
  }

  async list(): Promise<Invite[]> {
    return this.#kept
      .map(({ invite }) => invite)
      .toReversed()
      .slice(0, INVITES_TOLD_MAX);
  }

  async countOpen(now: number): Promise<number> {
    return this.#kept.filter(({ invite }) => isOpen(invite, now)).length;
  }

  async openFor(mail: string, now: number): Promise<Invite | undefined> {
    return this.#kept.find(({ invite }) => invite.mail === mail && isOpen(invite, now))?.invite;
  }

  async openBy(secretHash: Sha256Hex, now: number): Promise<Invite | undefined> {
    return this.#kept.find((kept) => kept.secretHash === secretHash && isOpen(kept.invite, now))?.invite;
  }

  async use(inviteId: string, by: PersonId, now: number): Promise<boolean> {
    const kept = this.#find(inviteId);
    if (!kept || !isOpen(kept.invite, now)) return false;
    kept.invite = { ...kept.invite, usedAt: now, usedBy: by };
    return true;
  }

  async forget({ personId, mail }: Pick<Person, "personId" | "mail">, at: number): Promise<void> {
    for (const kept of this.#kept) {
      const { invite } = kept;
      if (invite.usedBy !== personId && (mail === null || invite.mail !== mail)) continue;
      const revokedAt = invite.usedAt === null ? (invite.revokedAt ?? at) : invite.revokedAt;
      kept.invite = { ...invite, mail: null, revokedAt };
    }
  }

  async revoke(inviteId: string, now: number): Promise<Invite | undefined> {
    const kept = this.#find(inviteId);
    if (!kept || kept.invite.usedAt !== null) return undefined;
    kept.invite = { ...kept.invite, revokedAt: kept.invite.revokedAt ?? now };
    return kept.invite;
  }

  #find(inviteId: string): Kept | undefined {
    return this.#kept.find(({ invite }) => invite.inviteId === inviteId);
  }
}

const isOpen = ({ usedAt, revokedAt, expiresAt }: Invite, now: number): boolean =>
  usedAt === null && revokedAt === null && now < expiresAt;
