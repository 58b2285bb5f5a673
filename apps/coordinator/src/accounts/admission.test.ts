import { joinBytes } from "@darkbloom/protocol/bytes";
import { microUsd } from "@darkbloom/protocol/money";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { MemoryIdentities } from "../adapters/memory-identities.ts";
import { MemoryInvites } from "../adapters/memory-invites.ts";
import { MemoryLedger } from "../adapters/memory-ledger.ts";
import { MemoryAudit, MemoryPeople } from "../adapters/memory-people.ts";
import { Admission, newInvite, type SignUp } from "./admission.ts";
import { hashOfKey } from "./keys.ts";
import { personNamed } from "./people.contract.ts";

const MAIL = "anna@example.com";
const anna = personNamed("anna", { mail: MAIL });

async function fresh(signUp: SignUp, grant = 0n) {
  const tools = { clock: systemClock, random: systemRandom, crypto: nodeCrypto };
  const kept = {
    people: new MemoryPeople(),
    invites: new MemoryInvites(),
    identities: new MemoryIdentities(),
    audit: new MemoryAudit(),
  };
  const ledger = new MemoryLedger();
  const networkKey = { mac: (...parts: readonly Uint8Array[]) => nodeCrypto.sha256(joinBytes(parts)) };
  const admission = new Admission(
    { ...tools, ...kept, ledger, networkKey },
    { signUp, grantMicroUsd: microUsd(grant) },
  );
  const at = systemClock.now();
  return {
    ...kept,
    ledger,
    admission,
    invite: async (mail: string | null) => {
      const invite = newInvite(systemRandom, { mail, role: "operator", at });
      await kept.invites.add(mail === null ? hashOfKey(nodeCrypto, "secret") : null, invite);
      return invite;
    },
  };
}

describe("who comes in", () => {
  it.each([
    ["closed", "somebody known", "as themselves"],
    ["closed", "somebody disabled", undefined],
    ["closed", "somebody invited", undefined],
    ["closed", "a stranger", undefined],
    ["invited", "somebody known", "as themselves"],
    ["invited", "somebody disabled", undefined],
    ["invited", "somebody invited", "operator"],
    ["invited", "a stranger", undefined],
    ["open", "somebody known", "as themselves"],
    ["open", "somebody disabled", undefined],
    ["open", "somebody invited", "operator"],
    ["open", "a stranger", "member"],
  ] as const)("with sign-up %s, %s by mail: %s", async (signUp, who, expected) => {
    const { people, admission, invite, audit } = await fresh(signUp);
    if (who === "somebody known" || who === "somebody disabled") await people.add(anna);
    if (who === "somebody disabled") await people.change(anna.personId, { disabledAt: 1 });
    if (who === "somebody invited") await invite(MAIL);
    expect(await admission.mayCome(MAIL)).toBe(expected !== undefined);
    const person = await admission.byMail(MAIL);
    if (expected === "as themselves") expect(person).toEqual(anna);
    else expect(person?.role).toBe(expected);
    const isNew = expected === "operator" || expected === "member";
    expect(await audit.list(9)).toMatchObject(isNew ? [{ action: "people.create", actor: person?.personId }] : []);
    if (isNew) expect(person).toMatchObject({ mail: MAIL, name: "anna", disabledAt: null });
  });

  it.each([
    ["closed", false],
    ["invited", true],
    ["open", true],
  ] as const)("with sign-up %s by an invite's link: %s", async (signUp, comes) => {
    const { admission, invite, people } = await fresh(signUp);
    await invite(null);
    expect(await admission.byInvite("other")).toBeUndefined();
    const person = await admission.byInvite("secret");
    expect(person?.role).toBe(comes ? "operator" : undefined);
    expect(await admission.byInvite("secret")).toBeUndefined();
    expect(await people.list()).toHaveLength(comes ? 1 : 0);
  });
});

/** Goal: one mailbox is one person, and one invite lets in one, whoever hurries. Method: everything twice at once. */
it("makes nobody twice", async () => {
  const { admission, people, invite } = await fresh("open");
  await invite(null);
  const [first, second] = await Promise.all([admission.byMail(MAIL), admission.byMail(MAIL)]);
  expect(second).toEqual(first);
  const links = await Promise.all([admission.byInvite("secret"), admission.byInvite("secret")]);
  expect(links.filter(Boolean)).toHaveLength(1);
  expect(await people.list()).toHaveLength(2);
});

/** Goal: somebody new has what the operator grants, once, and somebody known nothing more. Method: the balance behind two sign-ins. */
it("grants what somebody new can spend", async () => {
  const { admission, ledger } = await fresh("open", 5n);
  const person = await admission.byMail(MAIL);
  await admission.byMail(MAIL);
  expect(person && (await ledger.creditRoom(person.account)) < (await ledger.creditRoom(anna.account))).toBe(true);
  expect(person && (await ledger.totals(person.account)).balance).toBe(5n);
});

/** Goal: whoever was erased and comes again is granted nothing more, whatever way they came; somebody else is. Method: by mail and by a provider, erased in between, twice. */
it("grants once for what was proven", async () => {
  const { people, identities, admission, ledger } = await fresh("open", 5n);
  const door = { disablePerson: unasked, enablePerson: unasked };
  const rules = { allowedGroups: [], operatorGroups: [], joinByMail: false };
  const claims = { issuer: "https://id.example", subject: "1", mail: undefined, name: undefined, groups: [] };
  const ways = [
    () => admission.byMail(MAIL),
    () => admission.byOpenId({ ...claims, mail: MAIL }, rules, door),
    () => admission.byOpenId(claims, rules, door),
    () => admission.byOpenId({ ...claims, subject: "2" }, rules, door),
  ];
  const granted: bigint[] = [];
  for (const come of [...ways, ...ways]) {
    const person = await come();
    if (person === undefined || typeof person === "string") throw new Error("the rules let everybody in");
    granted.push((await ledger.balances(person.account)).granted);
    await identities.removeOf(person.personId);
    await people.erase(person.personId, 9);
  }
  expect(granted).toEqual([5n, 0n, 5n, 5n, 0n, 0n, 0n, 0n]);
});

const unasked = (): never => {
  throw new Error("nobody asks for it");
};
