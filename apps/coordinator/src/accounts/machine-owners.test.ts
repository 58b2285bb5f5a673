import type { AccountId } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { MemoryOwnedMachines } from "../adapters/memory-owned-machines.ts";
import { MachineOwners, type OwnerChange } from "./machine-owners.ts";
import { ownedMachine, tokenHash } from "./owned-machines.contract.ts";
import { MACHINES_PER_ACCOUNT_MAX, type OwnedMachine } from "./owned-machines.ts";

const otto = "acct_otto" as AccountId;
const { account: anna, machineId } = ownedMachine(1);
const unfailing = (error: unknown): never => {
  throw error;
};

async function opened(...known: OwnedMachine[]) {
  const kept = new MemoryOwnedMachines();
  for (const machine of known) await kept.put(machine);
  const time = { at: 100 };
  const owners = await MachineOwners.open(kept, { now: () => time.at });
  const told: (readonly [account: AccountId, change: OwnerChange])[] = [];
  owners.watch(({ account }, change) => told.push([account, change]));
  /** What a later process knows. */
  const later = async () => await MachineOwners.open(kept, { now: () => time.at });
  return { owners, kept, time, told, later };
}
const linking = (n: number, more: Partial<OwnedMachine> = {}) => {
  const { account, name, approvedBy, ...machine } = ownedMachine(n, more);
  return { account, name, approvedBy, machineId: machine.machineId, tokenHash: machine.tokenHash };
};

describe("a machine", () => {
  /** Goal: a token owns nothing before its machine has shown its key, and from then on it does, also later. Method: each step, looked at in this process and in the next. */
  it("is its account's once it has shown its key", async () => {
    const { owners, later } = await opened();
    expect(await owners.link(linking(1))).toBe(true);
    expect(owners.byToken(tokenHash(1))).toMatchObject({ account: anna, provenAt: null, createdAt: 100 });
    expect([owners.of(machineId), owners.ofAccount(anna).length]).toEqual([undefined, 1]);
    expect(owners.prove(tokenHash(1), unfailing)).toBe(true);
    expect(owners.of(machineId)).toMatchObject({ account: anna, provenAt: 100 });
    await owners.change(anna, machineId, {});
    expect((await later()).of(machineId)).toMatchObject({ account: anna, provenAt: 100 });
  });

  /** Goal: whoever has the key decides whose it is; who had it before has it no more. Method: two accounts with tokens for it, both shown with the key. */
  it("is one account's", async () => {
    const { owners, later } = await opened(ownedMachine(1, { provenAt: 1 }));
    await owners.link(linking(1, { account: otto, tokenHash: tokenHash(2) }));
    expect(owners.of(machineId)?.account).toBe(anna);
    expect(owners.prove(tokenHash(2), unfailing)).toBe(true);
    await owners.unlink(anna, machineId);
    for (const seen of [owners, await later()]) {
      expect(seen.of(machineId)?.account).toBe(otto);
      expect(seen.byToken(tokenHash(1))).toBeUndefined();
      expect(seen.ofAccount(anna)).toEqual([]);
    }
  });

  /** Goal: linked again, it has one good token, and stays what it was. Method: another token for one that is named, hidden and has shown its key. */
  it("keeps what it was when it is linked again", async () => {
    const was = ownedMachine(1, { provenAt: 1, privateOnly: true, lastSeenAt: 2 });
    const { owners, later } = await opened(was);
    await owners.link(linking(1, { name: "new", tokenHash: tokenHash(2) }));
    for (const seen of [owners, await later()]) {
      expect(seen.of(machineId)).toEqual({ ...was, name: "new", tokenHash: tokenHash(2), createdAt: 100 });
      expect(seen.byToken(tokenHash(1))).toBeUndefined();
    }
    expect(owners.prove(tokenHash(1), unfailing)).toBe(false);
  });

  /** Goal: what its owner changes is so from then on, whatever the machine shows meanwhile. Method: a change that is written while it shows its key, and one of another account's. */
  it("is changed by its owner alone", async () => {
    const { owners, told, later } = await opened(ownedMachine(1));
    const changing = owners.change(anna, machineId, { privateOnly: true });
    owners.prove(tokenHash(1), unfailing);
    expect(await changing).toMatchObject({ privateOnly: true, provenAt: 100 });
    expect(await owners.change(otto, machineId, { name: "x" })).toBeUndefined();
    expect(await owners.unlink(otto, machineId)).toBe(false);
    expect(told).toEqual([[anna, "changed"]]);
    expect((await later()).of(machineId)).toMatchObject({ privateOnly: true, provenAt: 100, name: 'Anna\'s "1"' });
  });

  /** Goal: unlinked, nothing of it is left, and who watches is told. Method: one, then all of an account, with another's beside. */
  it("is unlinked for good", async () => {
    const ottos = ownedMachine(3, { account: otto, provenAt: 1 });
    const { owners, told, later } = await opened(ownedMachine(1, { provenAt: 1 }), ownedMachine(2), ottos);
    expect(await owners.unlink(anna, machineId)).toBe(true);
    expect(owners.prove(tokenHash(1), unfailing)).toBe(false);
    expect(await owners.unlinkAll(anna)).toEqual([ownedMachine(2).machineId]);
    expect(told).toEqual([
      [anna, "unlinked"],
      [anna, "unlinked"],
    ]);
    for (const seen of [owners, await later()]) {
      expect([seen.of(machineId), seen.ofAccount(anna)]).toEqual([undefined, []]);
      expect(seen.of(ottos.machineId)).toEqual(ottos);
    }
  });

  /** Goal: when it was there last is known, of one that is somebody's. Method: one that has shown its key and one that has not. */
  it("is seen", async () => {
    const { owners, time, later } = await opened(ownedMachine(1, { provenAt: 1 }), ownedMachine(2));
    time.at = 200;
    for (const n of [1, 2]) owners.seen(ownedMachine(n).machineId, unfailing);
    await owners.change(anna, machineId, {});
    expect((await later()).ofAccount(anna).map(({ lastSeenAt }) => lastSeenAt)).toEqual([200, null]);
  });
});

/** Goal: nobody fills the memory. Method: as many machines as an account may have, one more, one that it has already, and one more at once. */
it("links so many machines of an account", async () => {
  const { owners } = await opened();
  for (let n = 2; n <= MACHINES_PER_ACCOUNT_MAX; n++) expect(await owners.link(linking(n))).toBe(true);
  const two = await Promise.all([owners.link(linking(1)), owners.link(linking(999))]);
  expect(two).toEqual([true, false]);
  expect(owners.hasRoom(anna, ownedMachine(999).machineId)).toBe(false);
  expect(await owners.link(linking(1, { tokenHash: tokenHash(998) }))).toBe(true);
  expect(await owners.link(linking(997, { account: otto }))).toBe(true);
});

/** Goal: what is not kept is not so, and the next that is, is. Method: a disk that refuses once. */
it("links and unlinks nothing that could not be kept", async () => {
  const { owners, kept } = await opened(ownedMachine(1, { provenAt: 1 }));
  const full = new Error("full");
  const refusing = async (): Promise<never> => {
    throw full;
  };
  const { put, show, remove } = kept;
  Object.assign(kept, { put: refusing, show: refusing, remove: refusing });
  const failed: unknown[] = [];
  owners.seen(machineId, (error) => failed.push(error));
  await expect(owners.link(linking(2))).rejects.toBe(full);
  await expect(owners.unlink(anna, machineId)).rejects.toBe(full);
  expect(owners.ofAccount(anna)).toHaveLength(1);
  Object.assign(kept, { put, show, remove });
  expect(await owners.unlink(anna, machineId)).toBe(true);
  expect(failed).toEqual([full]);
});

/** Goal: what another coordinator has written counts here once it is read, and nothing of it is written over with what was known before. Method: two that share, of which one links, hides and unlinks a machine that is connected to the other. */
it("is what another coordinator has made it", async () => {
  const kept = new MemoryOwnedMachines();
  const clock = { now: () => 100 };
  const [ours, theirs] = await Promise.all([1, 2].map(() => MachineOwners.open(kept, clock, true)));
  if (!ours || !theirs) throw new RangeError("two of them");
  const told: unknown[] = [];
  theirs.watch(({ account }, change, isFar) => told.push([account, change, isFar]));
  await ours.link(linking(1));
  await theirs.refresh();
  expect(theirs.prove(tokenHash(1), unfailing)).toBe(true);
  await ours.change(anna, machineId, { privateOnly: true });
  theirs.seen(machineId, unfailing);
  await theirs.refresh();
  for (const one of [ours, theirs]) {
    await one.refresh();
    expect(one.of(machineId)).toMatchObject({ account: anna, privateOnly: true, provenAt: 100, lastSeenAt: 100 });
  }
  await ours.unlink(anna, machineId);
  await theirs.refresh();
  expect(theirs.of(machineId)).toBeUndefined();
  expect(told).toEqual([
    [anna, "changed", true],
    [anna, "seen", false],
    [anna, "changed", true],
    [anna, "unlinked", true],
  ]);
});
