import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { KeyId, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openEdge } from "../../../coordinator/test/http-kit.ts";
import { personOf, signIn } from "../../../coordinator/test/signed-in.ts";
import { settlementOf, termsOf } from "../../../coordinator/src/ledger/ledger.samples.ts";
import { temporaryFolder } from "../../test/binary.ts";
import type { Command, Environment, Flags } from "../command.ts";
import { CommandFailed, WrongUsage } from "../failure.ts";
import { KeptSessions } from "../login/kept.ts";
import { commandsFor } from "./index.ts";

const commands = new Map((await commandsFor([])).map((one): [string, Command] => [one.path, one]));

let said: string;
beforeEach(() => {
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    said += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
});
afterEach(() => vi.restoreAllMocks());

type Line = Readonly<Record<string, unknown>>;

/** What a command says in JSON, a line each. */
async function told(path: string, flags: Flags, operand = "", environment: Environment = {}): Promise<Line[]> {
  said = "";
  await commands.get(path)?.run({ ...flags, json: ["true"] }, environment, operand);
  return said.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Line]));
}

/** A coordinator, and a folder in which the sessions of these two are kept. */
async function open() {
  const edge = await openEdge();
  const folder = temporaryFolder();
  const as = async (name: string, role: "member" | "operator") => {
    const signedIn = await signIn(edge.deps, personOf(name, role));
    const config = join(folder.path, name);
    await new KeptSessions(config).keep(new URL(edge.origin), signedIn.secret);
    return { ...signedIn, flags: { coordinator: [edge.origin], config: [config] } satisfies Flags };
  };
  return {
    ...edge,
    folder,
    stop: () => edge[Symbol.asyncDispose](),
    anna: await as("anna", "member"),
    otto: await as("otto", "operator"),
    addKeys: async (count: number, account: "anna" | "otto") => {
      const known = await edge.accounts.byId("key_1" as KeyId);
      if (!known) throw new Error("the edge has a key");
      for (let n = 0; n < count; n++)
        await edge.accounts.add(`${n}`.padStart(64, "0") as Sha256Hex, {
          ...known,
          keyId: `key_many_${n}` as KeyId,
          account: personOf(account).account,
        });
    },
    async [Symbol.asyncDispose]() {
      folder[Symbol.dispose]();
      await edge[Symbol.asyncDispose]();
    },
  };
}

/** Every operation on keys, as it is told; with an id of a key that it makes. */
async function keyTour(flags: Flags, created: Flags = {}): Promise<Line[][]> {
  const [made] = await told("keys create", { ...flags, ...created, name: ["laptop"], models: ["a,b"] });
  const id = String(made?.["key_id"]);
  return [
    made ? [made] : [],
    await told("keys list", flags),
    await told("keys show", flags, id),
    await told("keys edit", { ...flags, expires: ["30d"] }, id),
    await told("keys disable", flags, id),
    await told("keys enable", flags, id),
    await told("keys rotate", { ...flags, overlap: ["10m"] }, id),
    await told("keys revoke", flags, id),
  ];
}

async function operatorsTour(flags: Flags): Promise<Line[][]> {
  const keys = await keyTour(flags, { credit: ["5.00"] });
  const account = String(keys[0]?.[0]?.["account"]);
  const machine = `mach_${"0".repeat(32)}`;
  return [
    ...keys,
    await told("credit", { ...flags, account: [account], amount: ["1.50"] }),
    await told("account audit", { ...flags, rows: ["2"] }),
    await told("machines list", flags),
    await told("machines approve", flags, machine),
    await told("machines forgive", flags, machine),
    await told("ledger check", flags),
  ];
}

/** Names and kinds of what is told, whatever the values: the last line of each answer. */
const shapeOf = (answers: readonly Line[][]) =>
  answers.map((lines) => {
    const last = lines.at(-1);
    return last && Object.entries(last).map(([name, value]) => [name, Array.isArray(value) ? "list" : typeof value]);
  });

describe("commands by a session", () => {
  /** Goal: a program reads the same, whichever way a command goes. Method: every operation on a folder, by an operator's session, and those on keys by a member's. */
  it("tell what they tell at the socket", async () => {
    await using at = await open();
    const data = { data: [join(at.folder.path, "data")] };
    const atFolder = await operatorsTour(data);
    expect(shapeOf(await operatorsTour(at.otto.flags))).toEqual(shapeOf(atFolder));
    const own = await keyTour(at.anna.flags);
    expect(shapeOf(own)).toEqual(shapeOf(atFolder.slice(0, own.length)));
    expect(own[1]).toMatchObject([{ account: at.anna.person.account, name: "laptop", allowed_models: ["a", "b"] }]);
    expect(own[3]).toMatchObject([{ disabled: false, expires_at: expect.stringMatching(/^2\d{3}-/) }]);
    expect(own[4]).toMatchObject([{ disabled: true }]);
    const [first] = own[0] ?? [];
    const [rotated] = own[6] ?? [];
    expect(rotated?.["api_key"]).not.toBe(first?.["api_key"]);
    expect((await at.accounts.byId(first?.["key_id"] as KeyId))?.revokedAt).not.toBeNull();
    expect(await told("account list", at.otto.flags)).toMatchObject([{ name: "anna" }, { name: "otto" }]);
    const [link] = await told("account link", at.otto.flags);
    expect(link?.["sign_in_url"]).toContain(`${at.origin}/sign-in/link/`);
  });

  /** Goal: what is kept about somebody is told once, and in no file that is there already. Method: Anna's, on stdout and into a file, twice. */
  it("tell what is kept about somebody", async () => {
    await using at = await open();
    const { personId } = at.anna.person;
    const [kept] = await told("account export", at.otto.flags, personId);
    expect(kept).toMatchObject({ person: { id: personId, name: "anna" }, sessions: { has_more: false } });
    const into = join(at.folder.path, "anna.json");
    const flags = { ...at.otto.flags, into: [into], reason: ["law"] };
    const [line] = await told("account export", flags, personId);
    expect(line).toEqual({ person_id: personId, file: into, bytes: statSync(into).size, cut: [] });
    expect(JSON.parse(readFileSync(into, "utf8"))).toMatchObject({ person: { id: personId } });
    expect(statSync(into).mode & 0o777).toBe(0o600);
    await expect(told("account export", flags, personId)).rejects.toThrow("it is there already");
    await expect(told("account export", at.anna.flags, personId)).rejects.toThrow();
  });

  /** Goal: nobody is erased by mistake, and no money goes that was not named. Method: without --yes, with a wrong amount, while something stands in the way; then rightly. */
  it("erase somebody who is meant", async () => {
    await using at = await open();
    const { personId, account } = at.anna.person;
    const [{ key_id: keyId } = {}] = await told("keys create", at.anna.flags);
    await at.ledger.credit("credit_1", account, microUsd(1_500_000n), 1);
    const erase = (more: Flags) => told("account erase", { ...at.otto.flags, ...more }, personId);
    await expect(erase({})).rejects.toThrow("elsewhere give --yes");
    await expect(erase({ yes: ["true"] })).rejects.toThrow("Give --forfeit 1.500000 to mean it");
    await expect(told("account erase", { ...at.otto.flags, yes: ["true"] }, at.otto.person.personId)).rejects.toThrow(
      "only operator",
    );
    expect((await at.people.person(personId))?.name).toBe("anna");
    expect(await erase({ yes: ["true"], forfeit: ["1.5"], reason: ["left"] })).toEqual([
      {
        person_id: personId,
        account,
        erased_at: expect.stringMatching(/^2\d{3}-/),
        forfeited_usd: "1.500000",
        revoked_keys: [keyId],
        unlinked_machines: [],
        left_teams: [],
      },
    ]);
    const [entry] = (await told("account audit", at.otto.flags)).filter(({ action }) => action === "people.erase");
    expect(entry).toMatchObject({ actor: at.otto.person.personId, subject: `${personId}/left` });
    said = "";
    await commands.get("account list")?.run(at.otto.flags, {}, "");
    expect(said).toMatch(new RegExp(`${personId} .* erased 2`));
  });

  /** Goal: a member touches the own account alone, an operator every one or, where they say so, their own. Method: keys of both and of somebody else, listed and shown. */
  it("reach the keys that they may", async () => {
    await using at = await open();
    const [of] = await told("keys create", at.anna.flags);
    const [ottos] = await told("keys create", { ...at.otto.flags, own: ["true"] });
    expect(ottos?.["account"]).toBe(at.otto.person.account);
    const listed = async (flags: Flags) => (await told("keys list", flags)).map((key) => key["key_id"]);
    expect(await listed(at.anna.flags)).toEqual([of?.["key_id"]]);
    expect(await listed({ ...at.otto.flags, own: ["true"] })).toEqual([ottos?.["key_id"]]);
    expect(await listed(at.otto.flags)).toEqual(["key_1", of?.["key_id"], ottos?.["key_id"]]);
    await expect(told("keys revoke", at.anna.flags, "key_1")).rejects.toThrow(CommandFailed);
    expect((await at.accounts.byId("key_1" as KeyId))?.revokedAt).toBeNull();
    for (const flags of [{ credit: ["1"] }, { account: ["acct_test"] }])
      await expect(told("keys create", { ...at.anna.flags, ...flags })).rejects.toThrow("are for operators");
  });

  /** Goal: every key is told, of however many. Method: two pages and a half of keys, by a member and by an operator. */
  it("follow pages", async () => {
    await using at = await open();
    await at.addKeys(250, "anna");
    expect(await told("keys list", at.anna.flags)).toHaveLength(250);
    expect(await told("keys list", at.otto.flags)).toHaveLength(251);
  });

  /** Goal: each refusal says what to do. Method: nobody signed in; a session that is over; a member in an operator's place; a key that is none; nobody who listens; and a line that others read. */
  it("say why they were refused", async () => {
    await using at = await open();
    const run = (flags: Flags, path = "keys list", operand = "") => told(path, flags, operand);
    const nobody = { ...at.anna.flags, config: [join(at.folder.path, "nobody")] };
    const login = `Run darkbloom login --coordinator ${at.origin}/`;
    for (const path of ["keys list", "account list"])
      await expect(run(nobody, path)).rejects.toThrow(`Nobody is signed in at ${at.origin}/. ${login}`);
    for (const path of ["account list", "account audit", "machines list", "ledger check", "account link"])
      await expect(run(at.anna.flags, path)).rejects.toThrow("This takes an operator, and you are none at");
    await expect(run(at.otto.flags, "keys show", "key_none")).rejects.toThrow("There is no key with this id.");
    await expect(run(at.anna.flags, "keys show", "key_none")).rejects.toThrow(CommandFailed);
    await expect(run(at.otto.flags, "account disable", "person_none")).rejects.toThrow("There is nobody with this id");
    for (const who of [at.anna, at.otto]) await at.people.endSessions(who.person.personId);
    await expect(run(at.anna.flags)).rejects.toThrow(`The session is over at ${at.origin}/. ${login}`);
    await expect(run(at.otto.flags, "account list")).rejects.toThrow("The session is over");
    const inClear = { ...at.anna.flags, coordinator: ["http://192.0.2.1"] };
    for (const path of ["keys list", "account list"])
      await expect(run(inClear, path)).rejects.toThrow("can be read on the way");
    await at.stop();
    for (const path of ["keys list", "account list"])
      await expect(run(at.anna.flags, path)).rejects.toThrow("does not answer. Check the URL");
  });

  /** Goal: it is plain which coordinator is meant. Method: a folder and a URL, in the command line, in the environment, and one in each. */
  it("know where to go", async () => {
    await using at = await open();
    const { coordinator, config } = at.anna.flags;
    const data = [join(at.folder.path, "data")];
    const environment = { DARKBLOOM_COORDINATOR: at.origin, DARKBLOOM_CONFIG: config[0] };
    await told("keys create", { data });
    const listed = async (flags: Flags, variables: Environment) =>
      (await told("keys list", flags, "", variables)).length;
    expect(await listed({}, environment)).toBe(0);
    expect(await listed({ data }, environment)).toBe(1);
    expect(await listed({ coordinator }, { ...environment, DARKBLOOM_DATA: data[0] })).toBe(0);
    expect(await listed({}, { DARKBLOOM_DATA: data[0], DARKBLOOM_COORDINATOR: "" })).toBe(1);
    await expect(listed({ data, coordinator }, {})).rejects.toThrow(
      "--data and --coordinator are both given, and mean one thing; give --data or --coordinator.",
    );
    await expect(listed({}, { ...environment, DARKBLOOM_DATA: data[0] })).rejects.toThrow(
      "DARKBLOOM_DATA and DARKBLOOM_COORDINATOR are both given",
    );
    await expect(listed({ data, own: ["true"] }, {})).rejects.toThrow(WrongUsage);
    const elsewhere = ["https://api.example.com"];
    await expect(told("account link", { data, coordinator: elsewhere })).rejects.toThrow("none runs on this folder");
  });
});

/** Goal: what comes too soon is asked again, and no answer is taken for what it is not. Method: a server that refuses once, and ones that answer otherwise. */
describe("a coordinator that answers", () => {
  async function answering(status: number, headers: Record<string, string>, body: unknown, onceOnly = false) {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      const now = onceOnly && asked > 1 ? 200 : status;
      response.writeHead(now, headers).end(JSON.stringify(now === 200 ? { people: [] } : body));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const folder = temporaryFolder();
    const coordinator = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await new KeptSessions(folder.path).keep(new URL(coordinator), "darkbloom-session-x");
    return {
      asked: () => asked,
      flags: { coordinator: [coordinator], config: [folder.path] } satisfies Flags,
      [Symbol.dispose]() {
        folder[Symbol.dispose]();
        server.closeAllConnections();
        server.close();
      },
    };
  }
  const refused = { error: { message: "in words", type: "x", param: null, code: "some_code" } };

  it("429 once is asked again", async () => {
    using at = await answering(429, { "retry-after": "0" }, refused, true);
    expect(await told("account list", at.flags)).toEqual([]);
    expect(at.asked()).toBe(2);
  });

  it.each([
    [429, refused, 21, "is busy (status 429)"],
    [503, refused, 1, "in words"],
    [409, { error: { ...refused.error, type: "admin_error", code: "too_much" } }, 1, "in words"],
    [404, {}, 1, "was not understood"],
    [201, { people: [] }, 1, "was not understood"],
  ])("%d %j is asked %d times: %s", async (status, body, times, words) => {
    using at = await answering(status, { "retry-after": "0" }, body);
    await expect(told("account list", at.flags)).rejects.toThrow(words);
    expect(at.asked()).toBe(times);
  });
});

/** Goal: who is signed in reads what their machines earned, as text and as JSON, and nobody signed in is told how to be. Method: a machine that answered once; each grouping; a day nobody has; a folder without a session. */
it("tells what was earned", async () => {
  await using made = await open();
  const { anna, otto, deps } = made;
  const { ledger, clock } = deps;
  await ledger.book("deposit_1", { kind: "deposit", account: otto.person.account, amount: 100n }, 1);
  const terms = termsOf("1", 50n, otto.person.account);
  await ledger.hold(terms);
  const settlement = settlementOf(50n, { id: "1", earned: 45n, earner: anna.person.account }, { at: clock.now() });
  await ledger.settle(terms.holdId, settlement);
  const figures = { answers: 1, earned_micro_usd: "45", earned_usd: "0.000045", payable_micro_usd: "45" };
  const today = new Date(clock.now()).toISOString().slice(0, 10);
  expect(await told("provider earnings", anna.flags)).toMatchObject([{ day: today, ...figures }]);
  expect(await told("provider earnings", { ...anna.flags, by: ["machine"] })).toMatchObject([
    { machine: "mach_1", name: null, ...figures },
  ]);
  expect(await told("provider earnings", { ...anna.flags, by: ["model"], to: ["2020-01-31"] })).toEqual([]);
  expect(await told("provider earnings", otto.flags)).toEqual([]);
  said = "";
  await commands.get("provider earnings")?.run({ ...anna.flags, by: ["machine"] }, {}, "");
  expect(said.split("\n")[0]).toMatch(/^MACHINE +NAME +ANSWERS/);
  expect(said).toContain("0.000045");
  for (const wrong of [{ by: ["hour"] }, { from: ["2026-02-30"] }, { to: ["today"] }])
    await expect(told("provider earnings", { ...anna.flags, ...wrong })).rejects.toThrow(WrongUsage);
  await expect(told("provider earnings", { ...anna.flags, config: [made.folder.path] })).rejects.toThrow(
    "Nobody is signed in",
  );
});
