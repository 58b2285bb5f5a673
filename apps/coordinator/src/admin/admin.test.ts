import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, mkdtempSync, readlinkSync, rmSync, statSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { NetworkError, type StorageFault } from "@darkbloom/protocol/failures";
import type { Serial } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { nodeCrypto, openDataFolder, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { afterAll, describe, expect, it } from "vitest";
import { hashOfKey, isKeyShaped } from "../accounts/keys.ts";
import { MemoryDeposits } from "../adapters/memory-deposits.ts";
import { openDatabase } from "../adapters/database.ts";
import { openStore } from "../adapters/open-store.ts";
import { MemoryWithdrawals } from "../adapters/memory-withdrawals.ts";
import { ownersInMemory } from "../adapters/memory-owned-machines.ts";
import { signInInMemory } from "../adapters/memory-people.ts";
import { SqliteAccounts } from "../adapters/sqlite-accounts.ts";
import { SqliteDecisions } from "../adapters/sqlite-decisions.ts";
import { SqliteStandings } from "../adapters/sqlite-standings.ts";
import { SqliteLedger } from "../adapters/sqlite-ledger.ts";
import { ACCOUNT_CREDIT_MICRO_USD_MAX, NETWORK_CREDIT_MICRO_USD_MAX } from "../ledger/moves.ts";
import type { LedgerFault } from "../ledger/port.ts";
import { lease, termsOf } from "../ledger/ledger.samples.ts";
import { withAdmin, type DirectAccess } from "./client.ts";
import { everyKey } from "./every-key.ts";
import { adminOf, type Admin } from "./operations.ts";
import { serveAdmin } from "./server.ts";
import { ADMIN_BODY_BYTES_MAX, ADMIN_HEADER_BYTES_MAX, ADMIN_SIGN_EVERY_MS, ADMIN_SILENCE_MAX_MS } from "./limits.ts";

const root = mkdtempSync(join(tmpdir(), "admin-"));
afterAll(() => rmSync(root, { recursive: true }));
const newPath = (): string => join(mkdtempSync(join(root, "p-")), "data");

const world = { clock: systemClock, random: systemRandom, crypto: nodeCrypto };
const open = (path: string) =>
  openStore(path, {
    clock: systemClock,
    onSweepError: (error) => {
      throw error;
    },
  });
const direct: DirectAccess = { ...world, openStore: open };

/** A coordinator as far as the operator's tools can tell. */
async function coordinatorOn(path: string) {
  const stack = new AsyncDisposableStack();
  const store = stack.use(await open(path));
  stack.use(await serveAdmin(store.folder.path, adminOf({ ...world, ...store })));
  return { store, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** What the operator sees, whichever way it goes. */
async function tour(run: <Result>(work: (admin: Admin) => Promise<Result>) => Promise<Result>): Promise<void> {
  const created = await run((admin) => admin.createKey({ terms: { name: "laptop" }, credit: microUsd(5_000_000n) }));
  expect(isKeyShaped(created.apiKey)).toBe(true);
  expect(created.keyId).toMatch(/^key_[0-9a-f]{32}$/);
  expect(created.account).toMatch(/^acct_[0-9a-f]{32}$/);
  const { account } = created;
  const second = await run((admin) =>
    admin.createKey({
      credit: microUsd(0n),
      account,
      terms: { name: "phone", minTrust: "hardware", pins: ["SW-1" as Serial] },
    }),
  );
  expect(second.account).toBe(account);

  const paid = await run((admin) => admin.credit({ account }, microUsd(1n)));
  expect(paid).toEqual({ account, balance: 5_000_001n });
  const paidByKey = await run((admin) => admin.credit({ keyId: second.keyId }, microUsd(2n)));
  expect(paidByKey).toEqual({ account, balance: 5_000_003n });

  const revoked = await run((admin) => admin.revokeKey(created.keyId));
  expect(revoked).toMatchObject({ keyId: created.keyId, name: "laptop" });
  expect(revoked.revokedAt).toBeTypeOf("number");
  const keys = await run((admin) => everyKey(admin));
  expect(keys.map(({ minTrust, pins }) => [minTrust, pins])).toEqual([
    [null, []],
    ["hardware", ["SW-1"]],
  ]);
  expect(keys.map(({ name, revokedAt }) => [name, revokedAt === null])).toEqual([
    ["laptop", false],
    ["phone", true],
  ]);
  expect(await run((admin) => admin.check())).toEqual([]);

  const refusals: [(admin: Admin) => Promise<unknown>, string][] = [
    [(admin) => admin.credit({ account: "acct_nobody" }, microUsd(1n)), "unknown_account"],
    [(admin) => admin.credit({ keyId: "key_nobody" }, microUsd(1n)), "unknown_key"],
    [(admin) => admin.credit({ account }, microUsd(0n)), "invalid"],
    [(admin) => admin.credit({ account }, microUsd(ACCOUNT_CREDIT_MICRO_USD_MAX)), "too_much"],
    [
      (admin) => admin.createKey({ terms: { name: "x" }, credit: microUsd(0n), account: "acct_nobody" }),
      "unknown_account",
    ],
    [(admin) => admin.createKey({ credit: microUsd(0n), terms: { name: "x".repeat(129) } }), "invalid"],
    [(admin) => admin.createKey({ terms: { name: "x" }, credit: microUsd(-1n) }), "invalid"],
    [(admin) => admin.createKey({ credit: microUsd(0n), terms: { pins: serials(65) } }), "invalid"],
    [(admin) => admin.revokeKey("key_nobody"), "unknown_key"],
  ];
  for (const [work, code] of refusals) await expect(run(work)).rejects.toMatchObject({ name: "AdminError", code });
  expect(await run((admin) => everyKey(admin))).toHaveLength(2);
}

const serials = (count: number): Serial[] => Array.from({ length: count }, (_, n) => `SW-${n}` as Serial);

describe("admin operations", () => {
  /** Goal: a bound is told in the same words, whoever holds the folder. Method: the most that a key takes, and more, both ways. */
  it.each([false, true])("make keys within their bounds, through a coordinator: %s", async (isHeld) => {
    const path = newPath();
    await using held = new AsyncDisposableStack();
    if (isHeld) held.use(await coordinatorOn(path));
    const make = (labelChars: number, pins: number) =>
      withAdmin(path, direct, (admin) =>
        admin.createKey({ credit: microUsd(0n), terms: { name: "x".repeat(labelChars), pins: serials(pins) } }),
      );
    await make(128, 64);
    await expect(make(129, 64)).rejects.toThrow(
      "'name' is not valid: it must be a text of up to 128 printable characters.",
    );
    await expect(make(128, 65)).rejects.toThrow(
      "'provider_serials' is not valid: it must be a list of up to 64 serials, 4096 bytes in all.",
    );
  });

  /** Goal: the tools work without a coordinator. Method: the tour on a folder that nobody holds. */
  it("work on a free folder", async () => {
    const path = newPath();
    await tour((work) => withAdmin(path, direct, work));
  });

  /** Goal: the same tools work through a coordinator, at once. Method: the tour on a held folder; then the holder's own view. */
  it("work through a running coordinator", async () => {
    const path = newPath();
    await using coordinator = await coordinatorOn(path);
    await tour((work) => withAdmin(path, direct, work));
    const { apiKey, account } = await withAdmin(path, direct, (admin) =>
      admin.createKey({ terms: { name: "now" }, credit: microUsd(30n) }),
    );
    expect(await coordinator.store.accounts.find(hashOfKey(nodeCrypto, apiKey))).toMatchObject({
      account,
      revokedAt: null,
    });
    await coordinator.store.ledger.hold(termsOf("1", 30n, account));
  });

  /**
   * Goal: no credit is above what the books hold, and the operator is told in a sentence. Method: credits that reach the bound of an
   * account, two at once; then accounts that reach the bound of all.
   */
  it("give no more credit than an account, or all of them, can have", async () => {
    await using store = await open(newPath());
    const admin = adminOf({ ...world, ...store });
    const most = microUsd(ACCOUNT_CREDIT_MICRO_USD_MAX);
    const { account } = await admin.createKey({ terms: { name: "" }, credit: microUsd(0n) });
    const both = [admin.credit({ account }, most), admin.credit({ account }, most)];
    await expect(both[1]).rejects.toMatchObject({
      code: "too_much",
      message: "This account takes no more than 0.000000 USD of further credit.",
    });
    expect((await both[0])?.balance).toBe(most);
    for (let n = 1n; n < NETWORK_CREDIT_MICRO_USD_MAX / most; n++)
      await admin.createKey({ terms: { name: "" }, credit: most });
    const keys = (await everyKey(admin)).length;
    for (const act of [
      () => admin.createKey({ terms: { name: "" }, credit: microUsd(1n) }),
      () => admin.createKey({ terms: { name: "" }, credit: microUsd(1n), account }),
    ])
      await expect(act()).rejects.toMatchObject({ code: "too_much" });
    expect(await everyKey(admin)).toHaveLength(keys);
    expect(await admin.check()).toEqual([]);
  });

  /** Goal: faults of the books come through as they are. Method: an admin that knows of one. */
  it("report faults of the ledger", async () => {
    const path = newPath();
    await using store = await open(path);
    const faults: LedgerFault[] = [{ account: "acct_1", part: "held", offBy: -(2n ** 60n) }];
    await using _ = await serveAdmin(store.folder.path, {
      ...adminOf({ ...world, ...store }),
      check: async () => faults,
    });
    expect(await withAdmin(path, direct, (admin) => admin.check())).toEqual(faults);
  });

  /** Goal: two admin commands at one moment both succeed. Method: several at once on a free folder. */
  it("take turns on a free folder", async () => {
    const path = newPath();
    await withAdmin(path, direct, (admin) => admin.createKey({ terms: { name: "first" }, credit: microUsd(0n) }));
    await Promise.all(
      ["a", "b", "c"].map((label) =>
        withAdmin(path, direct, (admin) => admin.createKey({ terms: { name: label }, credit: microUsd(1n) })),
      ),
    );
    expect(await withAdmin(path, direct, (admin) => everyKey(admin))).toHaveLength(4);
  });

  /** Goal: a holder that does not answer is reported, not waited for. Method: hold the lock alone, with a clock that jumps. */
  it("give up on a silent holder", async () => {
    const path = newPath();
    await using _ = await openDataFolder(path, "coordinator");
    let now = 0;
    const clock = { ...systemClock, monotonicMs: () => now, sleep: async () => void (now += 1_000) };
    await expect(withAdmin(path, { ...direct, clock }, (admin) => everyKey(admin))).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringContaining("Stop the coordinator"),
    });
  });

  /** Goal: the work's own failure is not mistaken for a folder in use. Method: work that throws such an error itself. */
  it("run the work once", async () => {
    let runs = 0;
    const work = async (): Promise<never> => {
      runs++;
      throw new Error("of its own");
    };
    await expect(withAdmin(newPath(), direct, work)).rejects.toThrow("of its own");
    expect(runs).toBe(1);
  });
});

/** What a socket answers to these bytes. */
const raw = async (path: string, bytes: string): Promise<string> => {
  const socket = connect(path);
  await once(socket, "connect");
  socket.on("error", () => undefined);
  socket.write(bytes);
  return await text(socket);
};

/** One request as it goes over the wire. */
const post = (path: string, body: string, more = "content-type: application/json\r\n"): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\n${more}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;

describe("the admin socket", () => {
  /** Goal: only this user can reach it. Method: the socket's mode, under a umask that allows everything; gone when closed. */
  it("is private and leaves no trace", async () => {
    const path = newPath();
    const umask = process.umask(0);
    try {
      await using _ = await coordinatorOn(path);
      const socket = lstatSync(join(path, "admin.sock"));
      expect(socket.isSocket()).toBe(true);
      expect(socket.mode & 0o777).toBe(0o600);
      expect(process.umask()).toBe(0);
    } finally {
      process.umask(umask);
    }
    expect(existsSync(join(path, "admin.sock"))).toBe(false);
  });

  /** Goal: a socket that a killed coordinator left is no obstacle. Method: a process listens there and is killed. */
  it("replaces what a dead coordinator left", async () => {
    const path = newPath();
    await (await open(path))[Symbol.asyncDispose]();
    const listens = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", listens, join(path, "admin.sock")]);
    expect(lstatSync(join(path, "admin.sock")).isSocket()).toBe(true);
    await using _ = await coordinatorOn(path);
    expect(await withAdmin(path, direct, (admin) => everyKey(admin))).toEqual([]);
  });

  /** Goal: a long path is no obstacle either. Method: a folder too deep for a socket; the link, the work, the clean-up. */
  it("moves out of a folder with a long path", async () => {
    const path = join(newPath(), "x".repeat(60), "y".repeat(60));
    let elsewhere: string;
    {
      await using _ = await coordinatorOn(path);
      elsewhere = readlinkSync(join(path, "admin.sock"));
      expect(statSync(elsewhere).mode & 0o777).toBe(0o600);
      expect(statSync(dirname(elsewhere)).mode & 0o777).toBe(0o700);
      expect(await withAdmin(path, direct, (admin) => everyKey(admin))).toEqual([]);
    }
    expect(existsSync(dirname(elsewhere))).toBe(false);
    expect(existsSync(join(path, "admin.sock"))).toBe(false);
  });

  /** Goal: what is no request is refused with a sentence and changes nothing, and the next one is still answered. Method: several, one after the other. */
  it("refuses what it does not know", async () => {
    const path = newPath();
    await using _ = await coordinatorOn(path);
    const credit = (payee: string, amount: string) =>
      post("/v1/admin/credits", `{"payee":${payee},"amount_micro_usd":${amount}}`);
    const rows: readonly [bytes: string, status: number, code: string | undefined, words: string][] = [
      [post("/v1/admin/keys", "no json"), 400, "invalid", "must be one JSON object"],
      [post("/v1/admin/keys", "null"), 400, "invalid", "does not fit"],
      [post("/v1/admin/keys", "{}", "content-type: text/plain\r\n"), 400, "invalid", "must be one JSON object"],
      [post("/v1/admin/keys", '{"name":"x","credit_micro_usd":5}'), 400, "invalid", "'credit_micro_usd' does not fit"],
      [credit('{"account":"a","key_id":"k"}', '"1"'), 400, "invalid", "'payee' does not fit"],
      [credit('{"account":"a"}', '"-1"'), 400, "invalid", "'amount_micro_usd' does not fit"],
      [credit('{"account":"a"}', '"1"'), 404, "unknown_account", "Nobody has this account"],
      [post("/v1/admin/keys/destroy", "{}"), 404, "other_version", "another version"],
      [get("/v1/models"), 404, "other_version", "another version"],
      [get("/v1/%zz"), 400, "invalid", ""],
      [get("/v1/admin/keys"), 200, undefined, '{"keys":[],"has_more":false}'],
    ];
    for (const [bytes, status, code, words] of rows) {
      const answer = await raw(join(path, "admin.sock"), bytes);
      const seen = [Number(answer.split(" ")[1]), /"code":"(\w+)"/.exec(answer)?.[1]];
      expect([bytes, ...seen]).toEqual([bytes, status, code]);
      expect(answer).toContain(words);
    }
  });

  /** Goal: a request is bounded. Method: a body and headers that are too long, and a body that says it will be. */
  it("refuses a request that is too long", async () => {
    const path = newPath();
    await using _ = await coordinatorOn(path);
    const long = "x".repeat(ADMIN_BODY_BYTES_MAX + 1);
    for (const bytes of [post("/v1/admin/keys", long), post("/v1/admin/keys", long).slice(0, 200)])
      expect(await raw(join(path, "admin.sock"), bytes)).toContain("longer than 16384 bytes");
    const header = `GET /v1/admin/keys HTTP/1.1\r\nhost: x\r\nx: ${"x".repeat(ADMIN_HEADER_BYTES_MAX)}`;
    expect(await raw(join(path, "admin.sock"), header)).toMatch(/^HTTP\/1\.1 431 /);
  });

  /** Goal: programs can read what there is. Method: its description, over the socket itself. */
  it("describes itself", async () => {
    const path = newPath();
    await using _ = await coordinatorOn(path);
    const answer = await raw(join(path, "admin.sock"), get("/openapi.json"));
    const { paths } = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n"))) as { paths: Record<string, object> };
    expect(Object.keys(paths)).toEqual([
      "/v1/admin/keys",
      "/v1/admin/keys/show",
      "/v1/admin/keys/edit",
      "/v1/admin/keys/rotate",
      "/v1/admin/keys/revoke",
      "/v1/admin/deposits",
      "/v1/admin/deposits/refund",
      "/v1/admin/payouts",
      "/v1/admin/payouts/take",
      "/v1/admin/payouts/mark",
      "/v1/admin/credits",
      "/v1/admin/ledger/check",
      "/v1/admin/machines",
      "/v1/admin/machines/decisions",
      "/v1/admin/machines/forgive",
      "/v1/admin/sign-in-links",
      "/v1/admin/people",
      "/v1/admin/people/disable",
      "/v1/admin/people/enable",
      "/v1/admin/audit",
      "/v1/admin/people/export",
      "/v1/admin/people/erasure",
      "/v1/admin/people/erase",
      "/v1/admin/tokens",
      "/v1/admin/tokens/revoke",
      "/v1/admin/invites",
      "/v1/admin/invites/revoke",
      "/openapi.json",
    ]);
    expect(Object.keys(paths["/v1/admin/keys"] ?? {})).toEqual(["post", "get"]);
  });

  /** Goal: closing does not wait for idle clients. Method: clients that connect and say nothing, or half of a request. */
  it("closes under an idle client", async () => {
    const path = newPath();
    const coordinator = await coordinatorOn(path);
    const closed = [];
    for (const said of ["", "GET /", post("/v1/admin/keys", "{}").slice(0, -1)]) {
      const idle = connect(join(path, "admin.sock"));
      await once(idle, "connect");
      closed.push(once(idle, "close"));
      idle.resume();
      idle.write(said);
    }
    await systemClock.sleep(100);
    const startedMs = performance.now();
    await coordinator[Symbol.asyncDispose]();
    await Promise.all(closed);
    expect(performance.now() - startedMs).toBeLessThan(ADMIN_SILENCE_MAX_MS / 2);
  });
});

describe("what the storage refuses", () => {
  const machineId = `mach_${"0".repeat(32)}`;
  const refusing = (fault: StorageFault) => async (): Promise<never> => {
    throw new NetworkError({ code: "storage_unavailable", fault, retryAfterSec: 5 });
  };
  const operations: readonly [string, (admin: Admin) => Promise<unknown>][] = [
    ["createKey", (admin) => admin.createKey({ terms: { name: "x" }, credit: microUsd(1n) })],
    ["listKeys", (admin) => everyKey(admin)],
    ["showKey", (admin) => admin.showKey("key_1")],
    ["editKey", (admin) => admin.editKey("key_1", { name: "x" })],
    ["rotateKey", (admin) => admin.rotateKey("key_1", 0)],
    ["revokeKey", (admin) => admin.revokeKey("key_1")],
    ["credit", (admin) => admin.credit({ keyId: "key_1" }, microUsd(1n))],
    ["check", (admin) => admin.check()],
    ["listMachines", (admin) => admin.listMachines()],
    ["decideMachine", (admin) => admin.decideMachine(machineId, "approved")],
    ["forgiveMachine", (admin) => admin.forgiveMachine(machineId)],
    ["signInLink", (admin) => admin.signInLink({})],
    ["listPeople", (admin) => admin.listPeople()],
    ["disablePerson", (admin) => admin.disablePerson("person_1")],
    ["enablePerson", (admin) => admin.enablePerson("person_1")],
    ["exportPerson", (admin) => admin.exportPerson("person_1", "asked")],
    ["planErasure", (admin) => admin.planErasure("person_1")],
    ["erasePerson", (admin) => admin.erasePerson("person_1", { account: "", forfeit: 0n, reason: "asked" })],
    ["listAudit", (admin) => admin.listAudit({ rows: 1 })],
    ["createInvite", (admin) => admin.createInvite({ role: "member" })],
    ["listInvites", (admin) => admin.listInvites()],
    ["revokeInvite", (admin) => admin.revokeInvite("invite_1")],
  ];

  /** Goal: each is told in a sentence and none as a fault of the program. Method: every operation on accounts and a ledger that refuse. */
  it.each(operations)("is a sentence: %s", async (_, act) => {
    const refuse = refusing("disk_full");
    const accounts = {
      add: refuse,
      find: refuse,
      byId: refuse,
      list: refuse,
      liveBy: refuse,
      change: refuse,
      rotate: refuse,
      revoke: refuse,
      used: refuse,
      forgetWords: refuse,
    };
    await using store = await open(newPath());
    const ledger = { ...store.ledger, check: refuse, totals: refuse, creditRoom: refuse };
    const decisions = { list: refuse, put: refuse };
    const standings = { ...decisions, forgive: refuse };
    const people = { ...store.people, list: refuse, change: refuse, person: refuse };
    const audit = { list: refuse, add: refuse, about: refuse };
    const invites = { ...store.invites, countOpen: refuse, list: refuse, revoke: refuse };
    const links = { make: () => "", baseUrl: () => "", forget: () => {} };
    await expect(
      act(adminOf({ ...world, ...store, accounts, ledger, decisions, standings, people, audit, invites, links })),
    ).rejects.toMatchObject({
      name: "AdminError",
      code: "internal",
      message: expect.stringContaining("is full. Make room"),
    });
  });

  /** Goal: nothing else is told as the storage's. Method: a ledger that fails otherwise. */
  it("is not what something else refuses", async () => {
    await using store = await open(newPath());
    const other = new NetworkError({ code: "key_missing" });
    const ledger = { ...store.ledger, check: () => Promise.reject(other) };
    await expect(adminOf({ ...world, ...store, ledger }).check()).rejects.toBe(other);
  });

  /** Goal: what the operator does next depends on the fault. Method: a row for each; of a check, that it was too long. */
  it.each([
    ["read_only", /cannot be written/],
    ["busy", /was not finished/],
    ["io_error", /gives errors/],
    ["damaged", /is damaged/],
    ["away", /cannot be reached/],
  ] as const)("is told as what it is: %s", async (fault, message) => {
    await using store = await open(newPath());
    const admin = adminOf({ ...world, ...store, ledger: { ...store.ledger, check: refusing(fault) } });
    await expect(admin.check()).rejects.toMatchObject({ code: "internal", message: expect.stringMatching(message) });
  });

  /** Goal: another error stays what it is. Method: a plain one. */
  it("is not everything that fails", async () => {
    await using store = await open(newPath());
    const check = () => Promise.reject(new RangeError("ours"));
    const admin = adminOf({ ...world, ...store, ledger: { ...store.ledger, check } });
    await expect(admin.check()).rejects.toThrow(RangeError);
  });

  /** Goal: the real thing ends there too. Method: a database that may not be written, and keys made, revoked and paid for. */
  it("comes from a real database", async () => {
    await using folder = await openDataFolder(newPath(), "coordinator");
    using database = await openDatabase(folder);
    await using ledger = new SqliteLedger(database, { lease });
    const admin = adminOf({
      ...world,
      ...signInInMemory({ ...world, ledger }),
      links: undefined,
      ledger,
      deposits: new MemoryDeposits(),
      withdrawals: new MemoryWithdrawals(),
      accounts: new SqliteAccounts(database),
      decisions: new SqliteDecisions(database),
      standings: new SqliteStandings(database),
      owners: ownersInMemory(world.clock),
    });
    const { keyId } = await admin.createKey({ terms: { name: "x" }, credit: microUsd(1n) });
    database.exec("PRAGMA query_only = ON");
    for (const act of [
      () => admin.createKey({ terms: { name: "y" }, credit: microUsd(0n) }),
      () => admin.revokeKey(keyId),
      () => admin.credit({ keyId }, microUsd(1n)),
      () => admin.decideMachine(machineId, "approved"),
      () => admin.forgiveMachine(machineId),
    ])
      await expect(act()).rejects.toMatchObject({
        code: "internal",
        message: expect.stringContaining("cannot be written"),
      });
  });
});

/** Goal: a check that takes long is waited for. Method: one that answers after a sign of life; the raw bytes, and what a client makes of them. */
it("an answer in the making gives signs of life", async () => {
  const path = newPath();
  await using store = await open(path);
  const check = async () => {
    await systemClock.sleep(ADMIN_SIGN_EVERY_MS * 1.4);
    return [];
  };
  await using _ = await serveAdmin(store.folder.path, { ...adminOf({ ...world, ...store }), check });
  const said = raw(join(path, "admin.sock"), get("/v1/admin/ledger/check"));
  expect(await withAdmin(path, direct, (admin) => admin.check())).toEqual([]);
  expect(await said).toMatch(/^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n\{"faults":\[\]\}$/);
});

/** Goal: two versions that meet say in one sentence what to do. Method: what a command of 0.1.0 writes; a coordinator that answers as that one did, or in ways that nobody knows yet. */
describe("another version at the other end", () => {
  const sentence = /is of another version than this command\. Use the 'darkbloom' of its version, or stop it/;

  it("tells a command of 0.1.0 in its own form", async () => {
    const path = newPath();
    await using _ = await coordinatorOn(path);
    for (const line of ['{"op":"keys.list"}\n', '{"op":"keys.create","label":"x","credit_micro_usd":"5"}\n']) {
      const [first = ""] = (await raw(join(path, "admin.sock"), line)).split("\n");
      expect(JSON.parse(first)).toEqual({ error: { code: "internal", message: expect.stringMatching(sentence) } });
    }
    expect(await withAdmin(path, direct, (admin) => everyKey(admin))).toEqual([]);
  });

  const answering = async (path: string, answer: (bytes: string, socket: Socket) => void) => {
    const held = await openDataFolder(path, "coordinator");
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (bytes) => answer(String(bytes), socket));
    });
    server.listen(join(path, "admin.sock"));
    await once(server, "listening");
    return {
      async [Symbol.asyncDispose]() {
        server.close();
        await held[Symbol.asyncDispose]();
      },
    };
  };
  const inLines =
    '{"error":{"code":"invalid","message":"This is not an admin request that this coordinator knows."}}\n';
  const http = (status: string, body: string) =>
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

  it.each([
    ["0.1.0", (bytes: string) => inLines.repeat(bytes.split("\n").length)],
    ["a later one without this route", () => http("404 Not Found", '{"error":"no"}')],
    ["a later one with another answer", () => http("200 OK", '{"keys":[{"id":1}],"has_more":false}')],
    ["one that says no JSON", () => http("200 OK", "<p>")],
  ])("tells what to do where the coordinator is %s", async (_, answer) => {
    const path = newPath();
    await using _held = await answering(path, (bytes, socket) => socket.end(answer(bytes)));
    const acts: ((admin: Admin) => Promise<unknown>)[] = [
      (admin) => everyKey(admin),
      (admin) => admin.createKey({ terms: { name: "x" }, credit: microUsd(0n) }),
    ];
    for (const act of acts)
      await expect(withAdmin(path, direct, act)).rejects.toMatchObject({
        code: "other_version",
        message: expect.stringMatching(sentence),
      });
  });

  /** Goal: an answer is bounded. Method: one that never ends. */
  it("gives up on an answer without end", async () => {
    const path = newPath();
    const piece = "x".repeat(1024 * 1024);
    await using _held = await answering(path, (_bytes, socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      const more = () => void (socket.destroyed || socket.write(piece, more));
      more();
    });
    await expect(withAdmin(path, direct, (admin) => everyKey(admin))).rejects.toMatchObject({ code: "unreachable" });
  });
});
