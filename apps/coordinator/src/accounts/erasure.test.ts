import {
  erasureObstacles,
  wordsOfErasure,
  type ErasureObstacle,
  type ErasureRefusal,
} from "@darkbloom/protocol/erasure";
import type { AccountId, KeyId, PersonId, Serial } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { systemClock, systemRandom } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { MemoryAccounts } from "../adapters/memory-accounts.ts";
import { MemoryDeposits } from "../adapters/memory-deposits.ts";
import { MemoryIdentities } from "../adapters/memory-identities.ts";
import { MemoryInvites } from "../adapters/memory-invites.ts";
import { MemoryLedger } from "../adapters/memory-ledger.ts";
import { MemoryOperatorTokens } from "../adapters/memory-operator-tokens.ts";
import { MemoryOwnedMachines } from "../adapters/memory-owned-machines.ts";
import { MemoryPasskeys } from "../adapters/memory-passkeys.ts";
import { MemoryPeople } from "../adapters/memory-people.ts";
import { MemoryTeams } from "../adapters/memory-teams.ts";
import { MemoryWithdrawals } from "../adapters/memory-withdrawals.ts";
import { nothing } from "../ledger/journal.ts";
import type { DepositId } from "../payments/port.ts";
import { PayoutDesk } from "../payouts/desk.ts";
import type { Withdrawal, WithdrawalId } from "../payouts/withdrawals.ts";
import { newInvite } from "./admission.ts";
import { endedWith, erase, obstaclesOf, planErasure, type ErasureWorld, type Standing } from "./erasure.ts";
import { unbound } from "./key-terms.ts";
import { MachineOwners } from "./machine-owners.ts";
import { tokenOf } from "./operator-tokens.contract.ts";
import { ownedMachine } from "./owned-machines.contract.ts";
import { passkey } from "./passkeys.contract.ts";
import { hash, personNamed, sessionOfAnna } from "./people.contract.ts";
import type { KeyRecord } from "./port.ts";
import { teamNamed } from "./teams.contract.ts";

/** In every word that Anna can write. */
const CANARY = "kanarienvogel";
const anna = personNamed("anna", { name: `Anna ${CANARY}`, mail: `${CANARY}@example.com`, role: "operator" });
const otto = personNamed("otto", { role: "operator", createdAt: 2 });
const ida = personNamed("ida", { createdAt: 3 });
const lab = teamNamed("lab");

const withdrawalOf = (account: AccountId): Withdrawal => ({
  withdrawalId: "withdrawal_1" as WithdrawalId,
  account,
  amount: microUsd(1_000_000n),
  createdAt: 1,
  state: "opening",
  changedAt: 1,
  payTo: CANARY,
  isBooked: false,
});

const keyOf = (n: number, more: Partial<KeyRecord> = {}): KeyRecord => ({
  ...unbound,
  keyId: `key_${n}` as KeyId,
  account: anna.account,
  createdBy: anna.personId,
  name: CANARY,
  allowedModels: [CANARY],
  pins: [CANARY as Serial],
  label: "eigeninference-Ab3…x9Q2",
  createdAt: n,
  lastUsedAt: null,
  revokedAt: null,
  ...more,
});

/** Anna with all that somebody can have, and Otto, who owns her team with her. */
async function world() {
  const kept = {
    people: new MemoryPeople(),
    teams: new MemoryTeams(),
    accounts: new MemoryAccounts(),
    invites: new MemoryInvites(),
    identities: new MemoryIdentities(),
    passkeys: new MemoryPasskeys(),
    tokens: new MemoryOperatorTokens(),
    deposits: new MemoryDeposits(),
    ledger: new MemoryLedger(),
    machines: new MemoryOwnedMachines(),
    withdrawals: new MemoryWithdrawals(),
  };
  const { people, teams, accounts, invites, identities, passkeys, tokens, ledger } = kept;
  for (const person of [anna, otto]) await people.add(person);
  await people.addSession(hash(1), sessionOfAnna(1, { client: CANARY }));
  await accounts.add(hash(1), keyOf(1));
  await accounts.add(hash(2), keyOf(2, { revokedAt: 3 }));
  await accounts.add(hash(3), keyOf(3, { account: lab.account }));
  await accounts.add(hash(4), {
    ...keyOf(4),
    ...unbound,
    account: lab.account,
    createdBy: otto.personId,
    name: "Otto's",
  });
  const invite = newInvite(systemRandom, { mail: anna.mail, role: "operator", at: systemClock.now() });
  await invites.add(null, invite);
  await invites.use(invite.inviteId, anna.personId, systemClock.now());
  await identities.put({
    issuer: "https://id.example",
    subject: CANARY,
    personId: anna.personId,
    createdAt: 1,
    leftAt: null,
  });
  await passkeys.add(passkey(1, { personId: anna.personId, name: CANARY }));
  await tokens.add(hash(1), tokenOf(1, { createdBy: anna.personId, name: CANARY }));
  await teams.add(lab, otto.personId);
  await teams.join(lab.account, anna.personId, "owner", 5);
  await teams.invite(hash(9), {
    inviteId: "invite_9",
    account: lab.account,
    role: "member",
    createdBy: anna.personId,
    createdAt: 1,
    expiresAt: 9e15,
  });
  const owners = new MachineOwners(kept.machines, systemClock);
  await owners.link(ownedMachine(1, { account: anna.account, approvedBy: anna.personId, name: CANARY }));
  await ledger.credit("credit_1", anna.account, microUsd(5n), 1);
  const forgotten: PersonId[] = [];
  const forget = (personId: PersonId) => void forgotten.push(personId);
  const payouts = new PayoutDesk({ ...kept, clock: systemClock, random: systemRandom });
  return { ...kept, owners, payouts, clock: systemClock, forget, forgotten } satisfies ErasureWorld &
    Record<string, unknown>;
}

/** All that is kept, as it would be found. */
async function keptOf(at: Awaited<ReturnType<typeof world>>): Promise<unknown> {
  return {
    people: (await at.people.list()).map((person) => ({ ...person, disabledAt: person.disabledAt !== null })),
    sessions: await at.people.sessionsOf(anna.personId),
    keys: (await at.accounts.list()).map((key) => ({ ...key, revokedAt: key.revokedAt !== null })),
    invites: (await at.invites.list()).map(({ mail, usedBy }) => ({ mail, usedBy })),
    identities: await at.identities.of(anna.personId),
    passkeys: await at.passkeys.of(anna.personId),
    tokens: (await at.tokens.list()).map((token) => ({ ...token, revokedAt: token.revokedAt !== null })),
    members: await at.teams.members(lab.account),
    teamInvites: await at.teams.invites(lab.account, 2),
    machines: await at.machines.list(),
  };
}

const confirmed = { account: anna.account, forfeit: 5n };
const still: Standing = {
  balances: nothing,
  withdrawable: 0n,
  openDeposits: 0,
  openWithdrawals: 0,
  ownedAlone: 0,
  isOnlyOperator: false,
};
const standing = (more: Partial<Standing>): Standing => ({ ...still, ...more });

describe("whether somebody can be erased", () => {
  /** Goal: nobody loses or owes anything unawares. Method: each thing that can stand in the way alone, and what does not. */
  it.each<[string, Partial<Standing>, ErasureObstacle[]]>([
    ["nothing at all", {}, []],
    [
      "money of every kind that can be forfeited",
      { balances: { ...nothing, granted: 1n, paid_in: 2n, earned: 3n, payable: 4n } },
      [],
    ],
    ["a debt", { balances: { ...nothing, debt: -1n } }, [{ obstacle: "debt", microUsd: 1n }]],
    ["a hold", { balances: { ...nothing, held: 1n } }, [{ obstacle: "holds", microUsd: 1n }]],
    [
      "a withdrawal on its way",
      { balances: { ...nothing, withdrawing: 1n } },
      [{ obstacle: "withdrawing", microUsd: 1n }],
    ],
    ["what can be withdrawn", { withdrawable: 1n }, [{ obstacle: "withdrawable", microUsd: 1n }]],
    ["a payment", { openDeposits: 1 }, [{ obstacle: "deposits", count: 1 }]],
    ["a withdrawal that has not begun", { openWithdrawals: 2 }, [{ obstacle: "withdrawals", count: 2 }]],
    [
      "a withdrawal once",
      { balances: { ...nothing, withdrawing: 1n }, openWithdrawals: 1 },
      [{ obstacle: "withdrawing", microUsd: 1n }],
    ],
    ["a team", { ownedAlone: 2 }, [{ obstacle: "teams", count: 2 }]],
    ["the network", { isOnlyOperator: true }, [{ obstacle: "operator" }]],
  ])("looks at %s", (_, more, obstacles) => {
    expect(obstaclesOf(standing(more))).toEqual(obstacles);
  });

  /** Goal: all that stands in the way is told at once, in one order. Method: everything at once. */
  it("tells all of it", () => {
    const all = standing({
      balances: { ...nothing, debt: -1n, held: 1n, withdrawing: 1n },
      withdrawable: 1n,
      openDeposits: 1,
      ownedAlone: 1,
      isOnlyOperator: true,
    });
    const begun = standing({ openWithdrawals: 1 });
    const told = [...obstaclesOf(all), ...obstaclesOf(begun)];
    expect(told.map(({ obstacle }) => obstacle).toSorted()).toEqual([...erasureObstacles].toSorted());
    expect(obstaclesOf(all).map(({ obstacle }) => obstacle)).toEqual(
      erasureObstacles.filter((obstacle) => obstacle !== "withdrawals"),
    );
    expect(new Set(told.map(wordsOfErasure)).size).toBe(erasureObstacles.length);
  });
});

describe("erasing somebody", () => {
  /** Goal: it is told before what would go. Method: Anna, who has one of each and two keys that are good. */
  it("says what it would come to", async () => {
    const at = await world();
    const { obstacles, forfeit, keys, machines, teams } = (await planErasure(at, anna.personId)) ?? {};
    expect({ obstacles, forfeit, keys, machines, teams }).toEqual({
      obstacles: [],
      forfeit: 5n,
      keys: 2,
      machines: 1,
      teams: 1,
    });
    expect(await planErasure(at, "person_nobody" as PersonId)).toBeUndefined();
    expect(await erase(at, "person_nobody" as PersonId, confirmed)).toBeUndefined();
  });

  /** Goal: what is found of how somebody stands is what decides. Method: each brought about in what is kept; nothing is changed by the refusal. */
  it.each<[string, (at: Awaited<ReturnType<typeof world>>) => Promise<unknown>, ErasureRefusal]>([
    [
      "more money than was said",
      (at) => at.ledger.book("w", { kind: "grant", account: anna.account, amount: 1n }, 1),
      { obstacle: "unconfirmed", account: anna.account, microUsd: 6n },
    ],
    [
      "a debt",
      (at) => at.ledger.book("d", { kind: "dispute", account: anna.account, amount: 3n }, 1),
      { obstacle: "debt", microUsd: 3n },
    ],
    [
      "a payment that may still be made",
      (at) =>
        at.deposits.add({
          depositId: "deposit_1" as DepositId,
          account: anna.account,
          amount: microUsd(1n),
          createdAt: 1,
          state: "opening",
          sessionId: null,
          payment: null,
          refunded: microUsd(0n),
          disputed: microUsd(0n),
          askAt: null,
          asked: 0,
        }),
      { obstacle: "deposits", count: 1 },
    ],
    [
      "a team of theirs alone",
      (at) => at.teams.changeRole(lab.account, otto.personId, "admin"),
      { obstacle: "teams", count: 1 },
    ],
    [
      "a team whose other owner can act no more",
      async (at) => {
        await at.people.add(ida);
        await at.people.change(ida.personId, { disabledAt: 1 });
        await at.teams.join(lab.account, ida.personId, "owner", 6);
        await at.teams.changeRole(lab.account, otto.personId, "admin");
      },
      { obstacle: "teams", count: 1 },
    ],
    [
      "a withdrawal that was cut off",
      (at) => at.withdrawals.add(withdrawalOf(anna.account)),
      { obstacle: "withdrawals", count: 1 },
    ],
    [
      "no other operator",
      async (at) => {
        await at.people.add(ida);
        await at.teams.join(lab.account, ida.personId, "owner", 6);
        await at.people.change(otto.personId, { disabledAt: 1 });
      },
      { obstacle: "operator" },
    ],
    [
      "another operator who is none any more",
      (at) => at.people.change(otto.personId, { role: "member" }),
      { obstacle: "operator" },
    ],
  ])("is refused for %s", async (_, bring, refusal) => {
    const at = await world();
    await bring(at);
    const before = await keptOf(at);
    await expect(erase(at, anna.personId, confirmed)).rejects.toMatchObject({
      failure: { code: "erasure_refused", ...refusal },
    });
    expect(await keptOf(at)).toEqual(before);
    expect(at.forgotten).toEqual([]);
  });

  /** Goal: who erases says which account and how much money, so that neither goes by mistake. Method: another account, more, less. */
  it.each([
    { account: otto.account, forfeit: 5n },
    { account: "", forfeit: 5n },
    { account: anna.account, forfeit: 4n },
    { account: anna.account, forfeit: 6n },
  ])("is meant: $account $forfeit", async (said) => {
    const at = await world();
    const before = await keptOf(at);
    await expect(erase(at, anna.personId, said)).rejects.toMatchObject({
      failure: { obstacle: "unconfirmed", account: anna.account, microUsd: 5n },
    });
    expect(await keptOf(at)).toEqual(before);
  });

  /** Goal: nothing of what somebody wrote is left, others keep what is theirs, and the books stay. Method: all that is kept, looked through for a word; and what became of each thing. */
  it("leaves no word of theirs", async () => {
    const at = await world();
    expect(JSON.stringify(await keptOf(at))).toContain(CANARY);
    const erased = await erase(at, anna.personId, confirmed);
    expect(erased).toMatchObject({ name: "", mail: null, role: "member", forfeited: 5n, left: [lab.account] });
    expect(erased && endedWith(erased)).toEqual([
      ["keys.revoke", "key_1"],
      ["keys.revoke", "key_3"],
      ["machines.unlink", ownedMachine(1).machineId],
      ["teams.leave", `${lab.account}/${anna.personId}`],
    ]);
    const left = await keptOf(at);
    expect(JSON.stringify(left)).not.toContain(CANARY);
    expect(left).toMatchObject({
      people: [{ personId: anna.personId, account: anna.account, name: "", disabledAt: true }, { name: "otto" }],
      sessions: [],
      invites: [{ mail: null, usedBy: anna.personId }],
      identities: [],
      passkeys: [],
      members: [{ personId: otto.personId, role: "owner" }],
      teamInvites: [],
      machines: [],
    });
    expect(await at.accounts.byId("key_4" as KeyId)).toMatchObject({ name: "Otto's", revokedAt: null });
    expect(at.forgotten).toEqual([anna.personId]);
    expect((await at.ledger.balances(anna.account)).granted).toBe(5n);
    expect(await at.ledger.check()).toEqual([]);
  });

  /** Goal: a crash anywhere is got over by the same call, and who is half gone can come in no more. Method: each call that changes something fails once, before it is done and behind it. */
  it.each(["before", "behind"] as const)("goes on where it ended: %s each step", async (when) => {
    const whole = await world();
    await erase(whole, anna.personId, confirmed);
    const end = await keptOf(whole);
    let steps = 0;
    for (let at = 1; at <= 64; at++) {
      const kept = await world();
      let calls = 0;
      const failing = <Port extends object>(port: Port): Port =>
        new Proxy(port, {
          get: (target, name) => {
            const value: unknown = Reflect.get(target, name);
            if (typeof value !== "function") return value;
            return async (...given: unknown[]) => {
              const isChange = /^(change|erase|end|withdraw|revoke|remove|forget|unlink|leave)/.test(String(name));
              if (isChange) calls++;
              if (isChange && calls === at && when === "before") throw new Error("a crash");
              const done: unknown = await Reflect.apply(value, target, given);
              if (isChange && calls === at) throw new Error("a crash");
              return done;
            };
          },
        });
      const { ledger, deposits, payouts, clock, forget } = kept;
      const ports = {
        people: failing(kept.people),
        teams: failing(kept.teams),
        accounts: failing(kept.accounts),
        invites: failing(kept.invites),
        identities: failing(kept.identities),
        passkeys: failing(kept.passkeys),
        tokens: failing(kept.tokens),
        owners: failing(kept.owners),
      };
      const crashed = await erase(
        { ...ports, ledger, deposits, payouts, clock, forget },
        anna.personId,
        confirmed,
      ).catch((error: Error) => error.message);
      if (crashed !== "a crash") break;
      steps = at;
      const person = await kept.people.person(anna.personId);
      if (at > 2 || (at === 2 && when === "behind")) expect(person?.disabledAt).not.toBeNull();
      await erase(kept, anna.personId, confirmed);
      expect(await keptOf(kept)).toEqual(end);
    }
    expect(steps).toBe(13);
  });

  /** Goal: somebody may come again as somebody new. Method: the same mail behind an erasure. */
  it("frees the mailbox", async () => {
    const at = await world();
    await erase(at, anna.personId, confirmed);
    const again = personNamed("again", { mail: anna.mail, createdAt: 9 });
    await at.people.add(again);
    expect(await at.people.byMail(anna.mail ?? "")).toEqual(again);
    expect(await at.accounts.find(hash(1))).toMatchObject({ account: anna.account });
  });
});
