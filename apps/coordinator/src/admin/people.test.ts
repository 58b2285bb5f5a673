import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AccountId, MachineId } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { afterAll, describe, expect, it } from "vitest";
import { personNamed } from "../accounts/people.contract.ts";
import { ownedMachine, tokenHash } from "../accounts/owned-machines.contract.ts";
import { signInOver } from "../accounts/sign-in.ts";
import { openSession } from "../accounts/sessions.ts";
import { openStore } from "../adapters/open-store.ts";
import { WebAuthn } from "../adapters/web-authn.ts";
import { auditedAdmin } from "./audited.ts";
import { withAdmin } from "./client.ts";
import { everyKey } from "./every-key.ts";
import { adminOf } from "./operations.ts";
import { linksOf } from "./people.ts";
import { serveAdmin } from "./server.ts";

const root = mkdtempSync(join(tmpdir(), "people-admin-"));
afterAll(() => rmSync(root, { recursive: true }));

const tools = { clock: systemClock, random: systemRandom, crypto: nodeCrypto };
const open = (path: string) => openStore(path, { clock: systemClock, onSweepError: () => undefined });

/** A folder with a coordinator's socket, and its operations through that socket. */
async function running() {
  const stack = new AsyncDisposableStack();
  const path = mkdtempSync(join(root, "data-"));
  const store = stack.use(await open(path));
  const signIn = signInOver({ ...store, passkeyChecks: new WebAuthn() }, tools);
  const links = linksOf(signIn, () => "http://127.0.0.1:1");
  const admin = auditedAdmin(adminOf({ ...tools, ...store, links }), { ...signIn, clock: systemClock }, "socket");
  stack.use(await serveAdmin(path, admin));
  return {
    path,
    store,
    signIn,
    asked: <Done>(work: Parameters<typeof withAdmin<Done>>[2]) => withAdmin(path, { ...tools, openStore: open }, work),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const secretIn = (path: string): string => path.split("/").at(-1) ?? "";

describe("people, over the socket", () => {
  /** Goal: a new network's owner is there with the first link, and the same one with each later. Method: two links, and whom they sign in. */
  it("signs in its operator by a link", async () => {
    await using world = await running();
    const [first, second] = [
      await world.asked((admin) => admin.signInLink({})),
      await world.asked((admin) => admin.signInLink({})),
    ];
    expect(first).toMatchObject({
      baseUrl: "http://127.0.0.1:1",
      path: expect.stringMatching(/^\/sign-in\/link\/[\w-]{43}$/),
    });
    expect(second.personId).toBe(first.personId);
    expect(world.signIn.links.redeem(secretIn(second.path))).toBe(first.personId);
    expect(await world.asked((admin) => admin.listPeople())).toMatchObject([
      { personId: first.personId, role: "operator", account: first.account, disabledAt: null },
    ]);
  });

  /** Goal: the owner of a key's account is signed in on that account, and nobody gets one that nobody has. Method: a key's account, twice at once, and one without a key. */
  it("signs in the owner of an account", async () => {
    await using world = await running();
    const { account } = await world.asked((admin) => admin.createKey({ terms: { name: "up" }, credit: microUsd(1n) }));
    const made = await world.asked((admin) =>
      Promise.all([admin.signInLink({ account }), admin.signInLink({ account })]),
    );
    expect(new Set(made.map(({ personId }) => personId)).size).toBe(1);
    expect(made[0]?.account).toBe(account);
    await expect(world.asked((admin) => admin.signInLink({ account: "acct_nobody" }))).rejects.toMatchObject({
      code: "unknown_account",
    });
  });

  /** Goal: a link makes nobody an operator who is not one, and lets in nobody who may not come. Method: a member, and an operator who is disabled. */
  it("gives no link for others", async () => {
    await using world = await running();
    const account = "acct_member" as AccountId;
    const { personId } = await world.asked((admin) => admin.signInLink({}));
    await world.store.people.add(personNamed("member", { account }));
    await expect(world.asked((admin) => admin.signInLink({ account }))).rejects.toThrow("who is no operator");
    const disabled = await world.asked((admin) => admin.disablePerson(personId));
    await expect(world.asked((admin) => admin.signInLink({ account: disabled.account }))).rejects.toThrow(
      "is disabled",
    );
    expect((await world.asked((admin) => admin.signInLink({}))).personId).not.toBe(personId);
  });

  /** Goal: who leaves can do nothing more, at once. Method: an operator with a session and a key, and what is left of both; then they come back. */
  it("takes everything from somebody who is disabled", async () => {
    await using world = await running();
    const {
      apiKey: _,
      keyId,
      account,
    } = await world.asked((admin) => admin.createKey({ terms: { name: "up" }, credit: microUsd(0n) }));
    const other = await world.asked((admin) => admin.createKey({ terms: { name: "other's" }, credit: microUsd(0n) }));
    const { personId } = await world.asked((admin) => admin.signInLink({ account }));
    await openSession({ ...tools, people: world.store.people }, { personId }, { kind: "cli", client: "x" });
    const link = world.signIn.links.make(personId);
    const { devices } = world.signIn;
    const device = devices.open({ clientId: "c", client: "", address: "", at: 0 });
    devices.decide(device.userCode, { by: personId });
    const { owners } = world.store;
    const { machineId } = ownedMachine(1);
    for (const [n, whose] of [account, other.account].entries())
      await owners.link(ownedMachine(1, { account: whose, tokenHash: tokenHash(n) }));
    expect((await world.asked((admin) => admin.disablePerson(personId))).disabledAt).not.toBeNull();
    expect(await world.store.people.sessionsOf(personId)).toEqual([]);
    expect([owners.ofAccount(account), owners.ofAccount(other.account).length]).toEqual([[], 1]);
    expect(owners.byToken(tokenHash(0))).toBeUndefined();
    const audit = await world.asked((admin) => admin.listAudit({ rows: 2 }));
    expect(audit[0]).toMatchObject({ action: "machines.unlink", subject: machineId, actor: "socket" });
    const keys = await world.asked((admin) => everyKey(admin));
    expect(keys.map((key) => [key.keyId, key.revokedAt === null])).toEqual([
      [keyId, false],
      [other.keyId, true],
    ]);
    expect((await world.asked((admin) => admin.enablePerson(personId))).disabledAt).toBeNull();
    expect(world.signIn.links.redeem(link), "a link from before").toBeUndefined();
    expect(devices.poll(device.deviceCode, "c"), "what was let in before").toEqual({ error: "access_denied" });
    await expect(world.asked((admin) => admin.enablePerson("person_nobody"))).rejects.toMatchObject({
      code: "unknown_person",
    });
  });

  /** Goal: what an operator changed can be read, newest first, in pages, and holds no secret. Method: a change of each kind, read in two pages. */
  it("keeps an audit log", async () => {
    await using world = await running();
    const key = await world.asked((admin) =>
      admin.createKey({ terms: { name: "said by somebody" }, credit: microUsd(1n) }),
    );
    await world.asked((admin) => admin.credit({ keyId: key.keyId }, microUsd(1n)));
    const machine = `mach_${"0".repeat(32)}` as MachineId;
    await world.asked((admin) => admin.decideMachine(machine, "approved"));
    const link = await world.asked((admin) => admin.signInLink({}));
    await world.asked((admin) => admin.editKey(key.keyId, { disabled: true }));
    const rotated = await world.asked((admin) => admin.rotateKey(key.keyId, 0));
    await world.asked((admin) => admin.revokeKey(key.keyId));
    const newest = await world.asked((admin) => admin.listAudit({ rows: 2 }));
    const before = newest.at(-1)?.seq;
    const rest = await world.asked((admin) => admin.listAudit({ rows: 100, before }));
    const entries = [...newest, ...rest];
    expect(entries.map(({ action, subject, actor }) => [action, subject, actor])).toEqual([
      ["keys.revoke", key.keyId, "socket"],
      ["keys.rotate", key.keyId, "socket"],
      ["keys.edit", key.keyId, "socket"],
      ["links.create", link.personId, "socket"],
      ["people.create", link.personId, "socket"],
      ["machines.approve", machine, "socket"],
      ["credit", key.account, "socket"],
      ["keys.create", key.keyId, "socket"],
    ]);
    for (const secret of [key.apiKey, rotated.apiKey, secretIn(link.path), "said by somebody"])
      expect(JSON.stringify(entries)).not.toContain(secret);
  });

  /** Goal: whoever reads the log sees how each person came and each key ended. Method: two links for one person, who has a key, one that was revoked before, and is then disabled beside somebody else's key. */
  it("tells of people that a link makes, and of keys that end with their person", async () => {
    await using world = await running();
    const make = (account?: string) => world.asked((admin) => admin.createKey({ account, credit: microUsd(0n) }));
    const { keyId, account } = await make();
    const earlier = await make(account);
    await make();
    const { personId } = await world.asked((admin) => admin.signInLink({ account }));
    await world.asked((admin) => admin.signInLink({ account }));
    await world.asked((admin) => admin.revokeKey(earlier.keyId));
    expect(await world.asked((admin) => admin.disablePerson(personId))).toMatchObject({ revoked: [keyId] });
    const told = (await world.store.audit.list(6)).map(({ action, subject }) => [action, subject]);
    expect(told).toEqual([
      ["keys.revoke", keyId],
      ["people.disable", personId],
      ["keys.revoke", earlier.keyId],
      ["links.create", personId],
      ["links.create", personId],
      ["people.create", personId],
    ]);
  });
});

/** Goal: where no coordinator runs there is nothing to sign in to, and everything else works. Method: the folder itself. */
it("makes no link without a coordinator", async () => {
  const path = mkdtempSync(join(root, "data-"));
  const direct = { ...tools, openStore: open };
  await expect(withAdmin(path, direct, (admin) => admin.signInLink({}))).rejects.toThrow("none runs on this folder");
  expect(await withAdmin(path, direct, (admin) => admin.listPeople())).toEqual([]);
  const { keyId } = await withAdmin(path, direct, (admin) =>
    admin.createKey({ terms: { name: "" }, credit: microUsd(0n) }),
  );
  expect(await withAdmin(path, direct, (admin) => admin.listAudit({ rows: 9 }))).toMatchObject([
    { action: "keys.create", subject: keyId },
  ]);
});
