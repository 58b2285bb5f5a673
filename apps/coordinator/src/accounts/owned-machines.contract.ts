import type { AccountId, MachineId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import type { OwnedMachine, OwnedMachines } from "./owned-machines.ts";

export const tokenHash = (n: number): Sha256Hex => String(n).padStart(64, "0") as Sha256Hex;

/** A machine of Anna's. */
export const ownedMachine = (n: number, more: Partial<OwnedMachine> = {}): OwnedMachine => ({
  machineId: `mach_${String(n).padStart(32, "0")}` as MachineId,
  account: "acct_anna" as AccountId,
  name: `Anna's "${n}"`,
  privateOnly: false,
  approvedBy: "person_anna" as PersonId,
  createdAt: n,
  tokenHash: tokenHash(n),
  provenAt: null,
  lastSeenAt: null,
  ...more,
});

/** What any store of who owns which machine must do. `open` gives an empty one. */
export function ownedMachinesContract(name: string, open: () => Promise<OwnedMachines>): void {
  describe(`owned machines contract: ${name}`, () => {
    /** Goal: what was written can be read back, oldest first. Method: two in the wrong order, each thing of them otherwise. */
    it("keeps machines", async () => {
      const kept = await open();
      const later = ownedMachine(2, { privateOnly: true, provenAt: 1_700_000_000_000, lastSeenAt: 1_700_000_000_001 });
      for (const machine of [later, ownedMachine(1)]) await kept.put(machine);
      expect(await kept.list()).toEqual([ownedMachine(1), later]);
    });

    /** Goal: a machine has one row with each account that wants it. Method: written again with everything otherwise; the same machine of another account. */
    it("writes in the place of what was there", async () => {
      const kept = await open();
      const ottos = ownedMachine(1, { account: "acct_otto" as AccountId, tokenHash: tokenHash(7), createdAt: 9 });
      const again = ownedMachine(1, {
        name: "b",
        privateOnly: true,
        approvedBy: "person_b" as PersonId,
        createdAt: 3,
        tokenHash: tokenHash(8),
        provenAt: 4,
        lastSeenAt: 5,
      });
      for (const machine of [ownedMachine(1), ottos, again, again]) await kept.put(machine);
      expect(await kept.list()).toEqual([again, ottos]);
    });

    /** Goal: what a machine shows leaves the rest as its owner set it. Method: shown with everything otherwise; with a token that is not its, and one that is not there. */
    it("keeps what a machine shows", async () => {
      const kept = await open();
      await kept.put(ownedMachine(1));
      const shown = { provenAt: 1_700_000_000_000, lastSeenAt: 1_700_000_000_001 };
      await kept.show(ownedMachine(1, { ...shown, name: "b", privateOnly: true, createdAt: 9 }));
      await kept.show(ownedMachine(1, { provenAt: 3, tokenHash: tokenHash(5) }));
      await kept.show(ownedMachine(2, shown));
      expect(await kept.list()).toEqual([ownedMachine(1, shown)]);
    });

    /** Goal: what was taken away is gone, and nothing else. Method: one of two accounts' rows, twice. */
    it("takes one away", async () => {
      const kept = await open();
      const ottos = ownedMachine(1, { account: "acct_otto" as AccountId, tokenHash: tokenHash(7) });
      for (const machine of [ownedMachine(1), ownedMachine(2), ottos]) await kept.put(machine);
      await kept.remove(ownedMachine(1));
      await kept.remove(ownedMachine(1));
      expect(await kept.list()).toEqual([ottos, ownedMachine(2)]);
    });

    /** Goal: no token opens two machines. Method: the same for another one. */
    it("refuses a token that is known", async () => {
      const kept = await open();
      await kept.put(ownedMachine(1));
      await expect(kept.put(ownedMachine(2, { tokenHash: tokenHash(1) }))).rejects.toThrow();
      expect(await kept.list()).toEqual([ownedMachine(1)]);
    });
  });
}
