import type { PersonId } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import type { Identities, Identity } from "./identities.ts";

const anna: Identity = {
  issuer: "https://login.example.com",
  subject: "248289761001",
  personId: "person_anna" as PersonId,
  createdAt: 1,
  leftAt: null,
};
const elsewhere: Identity = { ...anna, issuer: "https://login.example.com/two", createdAt: 2 };
const otto: Identity = { ...anna, subject: "248289761002", personId: "person_otto" as PersonId, createdAt: 3 };

/** What any store of identities must do. `open` gives an empty one. */
export function identitiesContract(name: string, open: () => Promise<Identities>): void {
  const withAll = async (): Promise<Identities> => {
    const identities = await open();
    for (const one of [anna, otto, elsewhere]) await identities.put(one);
    return identities;
  };

  describe(`identities contract: ${name}`, () => {
    /** Goal: somebody is found by issuer and subject together. Method: the same subject at two issuers, another, and each half with the wrong other. */
    it("finds by issuer and subject", async () => {
      const identities = await withAll();
      expect(await identities.find(anna.issuer, anna.subject)).toEqual(anna);
      expect(await identities.find(elsewhere.issuer, anna.subject)).toEqual(elsewhere);
      expect(await identities.find(otto.issuer, otto.subject)).toEqual(otto);
      expect(await identities.find(elsewhere.issuer, otto.subject)).toBeUndefined();
      expect(await identities.find(`${anna.issuer}/`, anna.subject)).toBeUndefined();
      expect(await identities.of(anna.personId)).toEqual([anna, elsewhere]);
      expect(await identities.of("person_nobody" as PersonId)).toEqual([]);
    });

    /** Goal: what is known of an identity can change, and there is one of each. Method: that they left, that they are back, and another person under it. */
    it("replaces what it has", async () => {
      const identities = await withAll();
      await identities.put({ ...anna, leftAt: 7 });
      expect(await identities.find(anna.issuer, anna.subject)).toEqual({ ...anna, leftAt: 7 });
      await identities.put({ ...anna, leftAt: null });
      expect(await identities.of(anna.personId)).toEqual([anna, elsewhere]);
      await identities.put({ ...anna, personId: otto.personId });
      expect(await identities.of(anna.personId)).toEqual([elsewhere]);
    });

    /** Goal: whoever is erased is known at no provider any more. Method: one of two. */
    it("removes those of a person", async () => {
      const identities = await withAll();
      await identities.removeOf(anna.personId);
      expect(await identities.of(anna.personId)).toEqual([]);
      expect(await identities.find(otto.issuer, otto.subject)).toEqual(otto);
    });
  });
}
