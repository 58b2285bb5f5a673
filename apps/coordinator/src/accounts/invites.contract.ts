import type { PersonId } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { INVITE_LIFE_MS, type Invite, type Invites } from "./admission.ts";
import { hash } from "./people.contract.ts";

const inviteOf = (n: number, more: Partial<Invite> = {}): Invite => ({
  inviteId: `invite_${n}`,
  mail: `guest-${n}@example.com`,
  role: "member",
  createdAt: n,
  expiresAt: n + INVITE_LIFE_MS,
  usedAt: null,
  usedBy: null,
  revokedAt: null,
  ...more,
});
const byMail = inviteOf(1);
const byLink = inviteOf(2, { mail: null, role: "operator" });
const guest = "person_guest" as PersonId;

/** What any store of invites must do. `open` gives an empty one. */
export function invitesContract(name: string, open: () => Promise<Invites>): void {
  const withBoth = async (): Promise<Invites> => {
    const invites = await open();
    await invites.add(null, byMail);
    await invites.add(hash(2), byLink);
    return invites;
  };

  describe(`invites contract: ${name}`, () => {
    /** Goal: an invite is found by what its guest has to show, and by nothing else. Method: one of each kind, the newest first in the list, and one added twice. */
    it("finds what is open", async () => {
      const invites = await withBoth();
      await invites.add(null, byMail);
      expect(await invites.list()).toEqual([byLink, byMail]);
      expect(await invites.openFor("guest-1@example.com", 5)).toEqual(byMail);
      expect(await invites.openFor("guest-2@example.com", 5)).toBeUndefined();
      expect(await invites.openBy(hash(2), 5)).toEqual(byLink);
      expect(await invites.openBy(hash(1), 5)).toBeUndefined();
      expect(await invites.countOpen(5)).toBe(2);
    });

    /** Goal: an invite lets in one. Method: it is used twice by two. */
    it("is used once", async () => {
      const invites = await withBoth();
      expect(await invites.use(byMail.inviteId, guest, 5)).toBe(true);
      expect(await invites.use(byMail.inviteId, "person_eve" as PersonId, 6)).toBe(false);
      expect(await invites.openFor("guest-1@example.com", 7)).toBeUndefined();
      expect((await invites.list())[1]).toEqual({ ...byMail, usedAt: 5, usedBy: guest });
      expect(await invites.countOpen(7)).toBe(1);
      expect(await invites.revoke(byMail.inviteId, 8)).toBeUndefined();
    });

    /** Goal: of who is erased no invite tells the mailbox, and none is open that would; others stay. Method: one that they came by, one that is open for their mailbox, one of another; and somebody without a mailbox. */
    it("forgets a mailbox", async () => {
      const invites = await withBoth();
      const again = inviteOf(3, { mail: byMail.mail });
      const others = inviteOf(4);
      await invites.use(byMail.inviteId, guest, 5);
      for (const invite of [again, others]) await invites.add(null, invite);
      await invites.forget({ personId: "person_eve" as PersonId, mail: null }, 6);
      expect(await invites.list()).toEqual([others, again, byLink, { ...byMail, usedAt: 5, usedBy: guest }]);
      for (const at of [7, 8]) await invites.forget({ personId: guest, mail: byMail.mail }, at);
      expect(await invites.list()).toEqual([
        others,
        { ...again, mail: null, revokedAt: 7 },
        byLink,
        { ...byMail, mail: null, usedAt: 5, usedBy: guest },
      ]);
    });

    /** Goal: what is revoked or over lets in nobody. Method: one of each, tried in every way. */
    it("is good until it is revoked or over", async () => {
      const invites = await withBoth();
      expect(await invites.revoke(byLink.inviteId, 5)).toEqual({ ...byLink, revokedAt: 5 });
      expect(await invites.revoke(byLink.inviteId, 6)).toEqual({ ...byLink, revokedAt: 5 });
      expect(await invites.revoke("invite_unknown", 6)).toBeUndefined();
      expect(await invites.openBy(hash(2), 6)).toBeUndefined();
      expect(await invites.use(byLink.inviteId, guest, 6)).toBe(false);
      expect(await invites.openFor("guest-1@example.com", byMail.expiresAt - 1)).toEqual(byMail);
      expect(await invites.openFor("guest-1@example.com", byMail.expiresAt)).toBeUndefined();
      expect(await invites.use(byMail.inviteId, guest, byMail.expiresAt)).toBe(false);
      expect(await invites.countOpen(byMail.expiresAt)).toBe(0);
    });
  });
}
