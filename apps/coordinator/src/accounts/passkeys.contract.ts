import type { PersonId } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { PASSKEYS_PER_PERSON_MAX, type Passkey, type Passkeys } from "./passkeys.ts";

export const passkey = (n: number, more: Partial<Passkey> = {}): Passkey => ({
  passkeyId: `passkey_${n}`,
  credentialId: `credential-${n}`,
  personId: "person_anna" as PersonId,
  name: `laptop "${n}"`,
  publicKey: "pQECAyYgASFYIA",
  counter: 0,
  rpId: "api.example.com",
  createdAt: n,
  usedAt: null,
  ...more,
});
const otto = passkey(9, { personId: "person_otto" as PersonId, counter: 5 });
const anna = passkey(1).personId;

/** What any store of passkeys must do. `open` gives an empty one. */
export function passkeysContract(name: string, open: () => Promise<Passkeys>): void {
  const withAll = async (): Promise<Passkeys> => {
    const passkeys = await open();
    for (const one of [passkey(1), passkey(2), otto]) expect(await passkeys.add(one)).toBe(true);
    return passkeys;
  };

  describe(`passkeys contract: ${name}`, () => {
    /** Goal: a passkey is somebody's, found by its id. Method: two people's, and one that is not there. */
    it("finds passkeys", async () => {
      const passkeys = await withAll();
      expect(await passkeys.find("credential-2")).toEqual(passkey(2));
      expect(await passkeys.find("credential-3")).toBeUndefined();
      expect(await passkeys.of(anna)).toEqual([passkey(1), passkey(2)]);
    });

    /** Goal: nobody takes another's passkey, and there are not too many. Method: a known id for somebody else, and one more than fits. */
    it("adds none that is known, and none too many", async () => {
      const passkeys = await withAll();
      expect(await passkeys.add({ ...otto, passkeyId: "passkey_8", personId: anna })).toBe(false);
      expect(await passkeys.find(otto.credentialId)).toEqual(otto);
      for (let n = 10; n < PASSKEYS_PER_PERSON_MAX + 8; n++) expect(await passkeys.add(passkey(n))).toBe(true);
      expect(await passkeys.add(passkey(1_000))).toBe(false);
      expect(await passkeys.of(anna)).toHaveLength(PASSKEYS_PER_PERSON_MAX);
    });

    /** Goal: a device that was copied is noticed. Method: counters above, at and below the one that is known, and one that never counts. */
    it("counts upwards alone", async () => {
      const passkeys = await withAll();
      expect(await passkeys.used(otto.credentialId, 6, 100)).toBe(true);
      expect(await passkeys.used(otto.credentialId, 6, 101)).toBe(false);
      expect(await passkeys.used(otto.credentialId, 0, 102)).toBe(false);
      expect(await passkeys.find(otto.credentialId)).toEqual({ ...otto, counter: 6, usedAt: 100 });
      for (const at of [1, 2]) expect(await passkeys.used("credential-1", 0, at)).toBe(true);
      expect(await passkeys.used("credential-3", 1, 1)).toBe(false);
    });

    /** Goal: a passkey goes for whose it is, and for nobody else. Method: the wrong person, the right one, and all of one. */
    it("removes passkeys", async () => {
      const passkeys = await withAll();
      expect(await passkeys.remove(anna, otto.passkeyId)).toBe(false);
      expect(await passkeys.remove(anna, "passkey_1")).toBe(true);
      expect(await passkeys.remove(anna, "passkey_1")).toBe(false);
      await passkeys.removeOf(anna);
      expect(await passkeys.of(anna)).toEqual([]);
      expect(await passkeys.find(otto.credentialId)).toEqual(otto);
    });
  });
}
