import { machineIdOf } from "@darkbloom/coordinator/testing";
import { toBase64, toHex, utf8 } from "@darkbloom/protocol/bytes";
import { attestationsSchema } from "@darkbloom/protocol/evidence";
import type { AccountId, MachineId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { nodeCrypto } from "@darkbloom/protocol/node";
import type { Signer } from "@darkbloom/protocol/signer";
import { MACHINE_UNLINKED } from "@darkbloom/protocol/wire";
import type { Script } from "@darkbloom/provider/testing";
import { describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { personOf, signIn } from "../../../apps/coordinator/test/signed-in.ts";
import { HandMachine } from "./hand-machine.ts";
import { HttpNetwork, questionFor, type Answered } from "./http-network.ts";
import { memorySigner } from "./memory-signer.ts";
import { account, CREDIT } from "./network.ts";
import { SealedCaller } from "./sealed-caller.ts";
import type { ProviderOptions, TestProvider } from "./test-provider.ts";

/** Goal: whose a machine is decides whom it serves and what that costs. Method: a network in a process, with machines of the caller's account, of another's and of nobody's. */
const rain: Script = { pieces: [" Rain", "."] };
const CHAT = "/v1/chat/completions";
const otto = "acct_otto" as AccountId;
const PRIVATE = { privateOnly: true };
const self = { "x-darkbloom-route": "self" };
const prefer = { "x-darkbloom-route": "prefer" };
const idOf = ({ publicKey }: Signer): MachineId => machineIdOf(nodeCrypto, toBase64(publicKey));

/** A token by which a machine with this key is the account's. */
async function tokenFor(made: HttpNetwork, signer: Signer, owner: AccountId, change = {}): Promise<string> {
  const token = `darkbloom-machine-${toHex(made.random.bytes(20))}`;
  const tokenHash = toHex(nodeCrypto.sha256(utf8(token))) as Sha256Hex;
  const linking = { account: owner, machineId: idOf(signer), name: "mine", approvedBy: "person_x" as PersonId };
  expect(await made.owners.link({ ...linking, tokenHash })).toBe(true);
  await made.owners.change(owner, idOf(signer), change);
  return token;
}

interface Owned {
  readonly provider: TestProvider;
  readonly signer: Signer;
}

async function joined(made: HttpNetwork, owner: AccountId, change = {}, more: ProviderOptions = {}): Promise<Owned> {
  const signer = memorySigner();
  const machineToken = await tokenFor(made, signer, owner, change);
  const provider = made.provider(() => rain, { signer, machineToken, ...more });
  await made.clock.advance(1_000);
  return { provider, signer };
}

async function open(more: Parameters<typeof HttpNetwork.open>[0] = {}, credit = CREDIT): Promise<HttpNetwork> {
  const made = await HttpNetwork.open(more);
  if (credit > 0n) await made.credit(credit);
  return made;
}

const ask = (made: HttpNetwork, headers: Record<string, string> = {}, more = {}): Promise<Answered> =>
  made.call(CHAT, questionFor(CHAT, more), headers);
const serialOf = ({ headers }: Answered): unknown => headers["x-provider-serial"];
const errorOf = ({ status, body }: Answered) => {
  const { error } = JSON.parse(body.toString()) as { error: { code: string; message: string } };
  return [status, error.code, error.message] as const;
};
const spent = async ({ ledger }: HttpNetwork) => {
  const [{ balance, held, charged }, shares] = [await ledger.totals(account), await ledger.shares()];
  return { balance: balance + held, charged, machines: shares.machines };
};
const listed = async (made: HttpNetwork, query = ""): Promise<string[]> => {
  const { status, body } = await made.send(`/v1/providers/attestation${query}`, { method: "GET" });
  expect(status).toBe(200);
  return attestationsSchema.parse(JSON.parse(body.toString())).providers.map((one) => one.provider_serial ?? "");
};

describe("asked for by its owner alone", () => {
  it.each([false, true])("it answers for nothing, with a receipt and a row (streamed: %s)", async (stream) => {
    await using made = await open({}, microUsd(0n));
    made.provider(() => rain);
    const { provider } = await joined(made, account);
    const answered = await ask(made, self, { stream });
    expect([answered.status, serialOf(answered)]).toEqual([200, provider.serial]);
    const usage = await made.ledger.usage(account, 5);
    expect(usage).toMatchObject([{ cost: 0n, outcome: "finished", usage: { completionTokens: 3 } }]);
    expect(await spent(made)).toEqual({ balance: 0n, charged: 0n, machines: 0n });
    const receipt = await made.send(`/v1/receipts/${String(answered.headers["x-inference-job-id"])}`, {
      method: "GET",
    });
    expect(receipt.status).toBe(200);
    expect(await made.ledger.check()).toEqual([]);
  });

  it("it answers for nothing what was sealed to it, though it is in no public list", async () => {
    await using made = await open({}, microUsd(0n));
    const { provider } = await joined(made, account, PRIVATE);
    const caller = new SealedCaller(made);
    const machines = await made.send("/v1/providers/attestation?own=true", { method: "GET" });
    const own = attestationsSchema.parse(JSON.parse(machines.body.toString())).providers;
    expect(own.map((one) => one.provider_serial)).toEqual([provider.serial]);
    const sealed = await caller.seal(CHAT, questionFor(CHAT, { max_tokens: 50 }), { machines: own });
    expect((await caller.send(sealed, prefer)).status, "what others would cost is not there").toBe(402);
    const answered = await caller.send(await caller.seal(CHAT, questionFor(CHAT), { machines: own }), self);
    expect([answered.status, answered.headers["x-darkbloom-privacy"]]).toEqual([200, "sealed"]);
    expect(await spent(made)).toEqual({ balance: 0n, charged: 0n, machines: 0n });
  });

  it("nobody else answers, and the refusal says what is with the own ones", async () => {
    await using made = await open();
    made.provider(() => rain);
    await joined(made, otto);
    expect(errorOf(await ask(made, self))).toEqual([
      503,
      "no_provider",
      "No machine of your own can serve this request now: none is connected. Nothing was charged. GET /v1/me/providers lists them; with 'x-darkbloom-route: prefer' others may serve it, at their price.",
    ]);
    await joined(made, account, {}, { offers: () => ({ models: [] }) });
    expect(errorOf(await ask(made, self))[2]).toContain("of 1 connected, 1 does not serve this model.");
    expect(await spent(made)).toEqual({ balance: CREDIT, charged: 0n, machines: 0n });
  });

  it("a key can be for that alone", async () => {
    await using made = await open({ selfRouteOnly: true });
    made.provider(() => rain);
    expect(errorOf(await ask(made)).slice(0, 2)).toEqual([503, "no_provider"]);
    const { provider } = await joined(made, account);
    for (const headers of [{}, self]) expect(serialOf(await ask(made, headers))).toBe(provider.serial);
    const [status, code, words] = errorOf(await ask(made, prefer));
    expect([status, code]).toEqual([400, "unsupported"]);
    expect(words).toContain("x-darkbloom-route");
    expect(words).toContain("self_route_only");
    expect((await spent(made)).charged).toBe(0n);
  });
});

describe("preferred", () => {
  it("one's own is asked first, for nothing, and others at their price where it is gone", async () => {
    await using made = await open();
    const other = made.provider(() => rain);
    const { provider } = await joined(made, account);
    expect(serialOf(await ask(made, prefer))).toBe(provider.serial);
    expect(await spent(made)).toMatchObject({ charged: 0n, machines: 0n });
    provider.stop();
    await made.clock.advance(1_000);
    expect(serialOf(await ask(made, prefer))).toBe(other.serial);
    const { charged, machines, balance } = await spent(made);
    expect(charged).toBeGreaterThan(0n);
    expect([machines, balance]).toEqual([charged, CREDIT - charged]);
  });

  it("others answer, at their price, what one's own fails at", async () => {
    await using made = await open();
    const other = made.provider(() => rain);
    const signer = memorySigner();
    const machineToken = await tokenFor(made, signer, account);
    made.provider(() => ({ ...rain, failAfter: 0 }), { signer, machineToken });
    await made.clock.advance(1_000);
    expect(serialOf(await ask(made, prefer))).toBe(other.serial);
    expect((await spent(made)).charged).toBeGreaterThan(0n);
  });

  it("one's own costs what it costs where nobody asked for that", async () => {
    await using made = await open();
    await joined(made, account);
    expect((await ask(made)).status).toBe(200);
    expect((await spent(made)).charged).toBeGreaterThan(0n);
  });
});

describe("a machine that serves its owner alone", () => {
  it("is not there for others: in no list, no count, no refusal", async () => {
    await using made = await open();
    const { provider } = await joined(made, otto, PRIVATE);
    expect(provider.told).toMatchObject({ eligible: true, owner: otto });
    const [, code, words] = errorOf(await ask(made));
    expect([code, words]).toEqual(["no_provider", expect.stringContaining("no provider is connected")]);
    for (const headers of [self, prefer]) expect(errorOf(await ask(made, headers))[1]).toBe("no_provider");
    for (const query of ["", "?model=scripted", "?own=true", "?own=true&model=scripted"])
      expect(await listed(made, query)).toEqual([]);
    const proving = made.send(`/v1/providers/attestation?nonce=${"A".repeat(43)}`, { method: "GET" });
    expect(JSON.parse((await made.during(proving, 100)).body.toString())).toEqual({ providers: [] });
    const told = async (path: string, headers = {}) =>
      (await made.send(path, { method: "GET", headers })).body.toString();
    expect(await told("/v1/models")).toContain('"provider_count":0');
    expect(await told("/health")).toContain('"providers":0');
    const tools = { ...made.signIn, ...made.core.edge };
    const [eve, owner] = [await signIn(tools, personOf("eve")), await signIn(tools, personOf("otto"))];
    for (const { bearer } of [{ bearer: {} }, eve])
      expect(JSON.parse(await told("/v1/network", bearer))).toEqual({ machines: [] });
    expect(await told("/v1/network", owner.bearer)).toContain(provider.serial);
  });

  it("is no candidate for what others have sealed", async () => {
    await using made = await open();
    const open_ = made.provider(() => rain);
    await made.clock.advance(1_000);
    const caller = new SealedCaller(made);
    const sealed = await caller.seal(CHAT, questionFor(CHAT));
    await joined(made, otto, PRIVATE);
    open_.stop();
    await made.clock.advance(1_000);
    const refused = await caller.send(sealed);
    expect(errorOf(refused).slice(0, 2)).toEqual([503, "no_provider"]);
  });

  it("serves its owner, who sees it", async () => {
    await using made = await open();
    const { provider } = await joined(made, account, PRIVATE);
    expect(serialOf(await ask(made))).toBe(provider.serial);
    expect(await listed(made)).toEqual([]);
    for (const query of ["?own=true", "?own=true&model=scripted"])
      expect(await listed(made, query)).toEqual([provider.serial]);
    const models = await made.send("/v1/models", { method: "GET" });
    expect(models.body.toString()).toContain('"provider_count":1');
  });

  it("is hidden, and there again, from its owner's word on", async () => {
    await using made = await open();
    const { provider, signer } = await joined(made, otto);
    expect(await listed(made)).toEqual([provider.serial]);
    await made.owners.change(otto, idOf(signer), PRIVATE);
    expect([await listed(made), errorOf(await ask(made))[1]]).toEqual([[], "no_provider"]);
    await made.owners.change(otto, idOf(signer), { privateOnly: false });
    expect([await listed(made), (await ask(made)).status]).toEqual([[provider.serial], 200]);
  });

  it("is hidden before it has shown its key", async () => {
    await using made = await open();
    const machine = new HandMachine(made);
    await machine.register({ machine_token: await tokenFor(made, machine.signer, otto, PRIVATE) });
    await made.clock.advance(1);
    expect(made.fleet.size).toBe(1);
    expect(await listed(made)).toEqual([]);
  });
});

describe("a token", () => {
  it("admits its machine where a join token is needed, and makes it its account's once it has shown its key", async () => {
    await using made = await open();
    made.mayJoin = () => false;
    const machine = new HandMachine(made);
    await machine.register({ machine_token: await tokenFor(made, machine.signer, otto) });
    await made.clock.advance(1);
    expect(machine.member.view.owner).toBeUndefined();
    expect(made.owners.of(idOf(machine.signer))).toBeUndefined();
    machine.say(await machine.answerTo(machine.last("attestation_challenge")));
    await made.clock.advance(1);
    expect(machine.member.view.owner).toBe(otto);
    expect(machine.last("trust_status").owner).toBe(otto);
    expect(made.bugs).toEqual([]);
  });

  it.each<[what: string, token: (made: HttpNetwork, machine: HandMachine) => Promise<string>]>([
    ["stolen from another machine", (made) => tokenFor(made, memorySigner(), otto)],
    ["that nobody knows", async () => `darkbloom-machine-${"x".repeat(43)}`],
    [
      "that was taken back",
      async (made, machine) => {
        const token = await tokenFor(made, machine.signer, otto);
        await made.owners.unlink(otto, idOf(machine.signer));
        return token;
      },
    ],
  ])("%s opens nothing, where none is needed too", async (_, tokenOf) => {
    await using made = await open();
    const refused = vi.spyOn(made.net.events, "joinRefused");
    const machine = new HandMachine(made);
    await machine.register({ machine_token: await tokenOf(made, machine) });
    await made.clock.advance(1);
    expect(machine.closed).toBe(MACHINE_UNLINKED);
    expect(refused.mock.calls).toEqual([[{ reason: "machine_token", address: "simulated" }]]);
    expect(made.fleet.size).toBe(0);
  });

  it("that is taken back before the key was shown ends the connection, at the latest then", async () => {
    await using made = await open();
    const machine = new HandMachine(made);
    const token = await tokenFor(made, machine.signer, otto);
    made.checks.isHolding = true;
    await machine.register({ machine_token: token });
    await made.clock.advance(1);
    await made.owners.unlink(otto, idOf(machine.signer));
    made.checks.isHolding = false;
    made.checks.release();
    await made.clock.advance(1);
    machine.say(await machine.answerTo(machine.last("attestation_challenge")));
    await made.clock.advance(1);
    expect(machine.closed).toBe("unlinked");
  });

  it("for a machine of somebody else gives nothing without its key, and no word on it", async () => {
    await using made = await open();
    const { provider, signer } = await joined(made, otto);
    const { bearer, person } = await signIn({ ...made.signIn, ...made.core.edge }, personOf("eve"));
    await tokenFor(made, signer, person.account, PRIVATE);
    const [told] = await mine(made, bearer);
    expect(told).toMatchObject({
      owned: false,
      connected: false,
      serial: null,
      keeps_from_earning: { gate: "not_proven" },
    });
    expect(await listed(made)).toEqual([provider.serial]);
    await made.send(`/v1/me/providers/${idOf(signer)}`, { method: "DELETE", headers: bearer });
    expect((await ask(made)).status, "it is connected still").toBe(200);
    expect(made.owners.of(idOf(signer))?.account).toBe(otto);
  });
});

describe("what it earns", () => {
  const earnedBy = async ({ ledger }: HttpNetwork, whose: AccountId) => {
    const { earned, payable } = await ledger.balances(whose);
    return { earned, payable };
  };
  const payIn = (made: HttpNetwork) =>
    made.ledger.book("deposit_1", { kind: "deposit", account, amount: CREDIT }, made.clock.now());

  it("is its owner's, kept by the money that paid", async () => {
    await using made = await open({}, microUsd(0n));
    await payIn(made);
    const { signer } = await joined(made, otto);
    expect((await ask(made)).status).toBe(200);
    const { machines } = await spent(made);
    expect(machines > 0n).toBe(true);
    expect(await earnedBy(made, otto)).toEqual({ earned: 0n, payable: machines });
    expect(await earnedBy(made, idOf(signer) as string as AccountId)).toEqual({ earned: 0n, payable: 0n });
    await made.credit(CREDIT);
    expect((await ask(made)).status).toBe(200);
    const later = await spent(made);
    expect(await earnedBy(made, otto)).toEqual({ earned: later.machines - machines, payable: machines });
    expect(await made.ledger.check()).toEqual([]);
  });

  it("while it is nobody's is its owner's as soon as it has one, and in no list before", async () => {
    await using made = await open({}, microUsd(0n));
    await payIn(made);
    const signer = memorySigner();
    const provider = made.provider(() => rain, { signer });
    await made.clock.advance(1_000);
    expect((await ask(made)).status).toBe(200);
    const { machines } = await spent(made);
    const own = idOf(signer) as string as AccountId;
    expect(await earnedBy(made, own)).toEqual({ earned: 0n, payable: machines });
    const anna = await signIn({ ...made.signIn, ...made.core.edge }, personOf("anna"));
    provider.stop();
    await made.clock.advance(1_000);
    const machineToken = await tokenFor(made, signer, anna.person.account);
    expect(await mine(made, anna.bearer)).toMatchObject([{ owned: false, earned_micro_usd: "0" }]);
    made.provider(() => rain, { signer, machineToken });
    await made.clock.advance(1_000);
    expect(await earnedBy(made, own)).toEqual({ earned: 0n, payable: 0n });
    expect(await earnedBy(made, anna.person.account)).toEqual({ earned: 0n, payable: machines });
    expect(await mine(made, anna.bearer)).toMatchObject([{ owned: true, earned_micro_usd: String(machines) }]);
    expect(await made.ledger.check()).toEqual([]);
  });
});

const mine = async (made: HttpNetwork, headers: Record<string, string>): Promise<Record<string, unknown>[]> => {
  const { status, body } = await made.send("/v1/me/providers", { method: "GET", headers });
  expect(status).toBe(200);
  return (JSON.parse(body.toString()) as { data: Record<string, unknown>[] }).data;
};

describe("its owner", () => {
  async function withAnna() {
    const made = await open();
    const tools = { ...made.signIn, ...made.core.edge };
    const anna = await signIn(tools, { ...personOf("anna"), account });
    const eve = await signIn(tools, personOf("eve"));
    const { provider, signer } = await joined(made, account);
    const path = `/v1/me/providers/${idOf(signer)}`;
    const send = (method: string, body?: object, headers: Record<string, string> = anna.bearer) =>
      made.send(path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    return { made, anna, eve, provider, signer, send };
  }

  it("sees how it fares, and what keeps it from earning and since when", async () => {
    const { made, anna, eve, provider, signer } = await withAnna();
    await using _ = made;
    expect(await mine(made, eve.bearer)).toEqual([]);
    const seen = { id: idOf(signer), name: "mine", owned: true, private_only: false, serial: provider.serial };
    expect(await mine(made, anna.bearer)).toMatchObject([
      {
        ...seen,
        connected: true,
        trust_level: "self_signed",
        models: ["scripted"],
        keeps_from_earning: null,
        last_offered_at: null,
        last_served_at: null,
        earned_micro_usd: "0",
      },
    ]);
    expect((await ask(made)).status).toBe(200);
    const { charged } = await spent(made);
    const [served] = await mine(made, anna.bearer);
    expect(served).toMatchObject({ earned_micro_usd: String(charged), last_offered_at: expect.any(String) });
    expect(Date.parse(String(served?.["last_served_at"]))).toBeGreaterThanOrEqual(
      Date.parse(String(served?.["last_offered_at"])),
    );
    const frozenAt = made.clock.now();
    provider.stop();
    await made.clock.advance(1_000);
    const [away] = await mine(made, anna.bearer);
    expect(away).toMatchObject({ connected: false, serial: null, keeps_from_earning: { gate: "not_connected" } });
    expect(away?.["last_served_at"]).toBe(served?.["last_served_at"]);
    expect(Date.parse(String(away?.["last_seen_at"]))).toBeGreaterThanOrEqual(frozenAt);
  });

  it("is told the first gate, in the words of refusals", async () => {
    const made = await open();
    await using _ = made;
    let isOffered = true;
    const { bearer } = await signIn({ ...made.signIn, ...made.core.edge }, { ...personOf("anna"), account });
    await joined(made, account, {}, { offers: () => (isOffered ? {} : { models: [] }) });
    isOffered = false;
    const from = made.clock.now();
    await made.clock.advance(60_000);
    const [told] = await mine(made, bearer);
    expect(told).toMatchObject({
      keeps_from_earning: { gate: "model_not_served", words: "does not serve this model" },
    });
    const { since: at } = z.object({ since: z.string() }).parse(told?.["keeps_from_earning"]);
    const since = Date.parse(at);
    expect(since).toBeGreaterThanOrEqual(from);
    expect(since).toBeLessThan(made.clock.now() - 10_000);
  });

  it("names it and keeps it to oneself; nobody else does", async () => {
    const { made, eve, send, anna } = await withAnna();
    await using _ = made;
    const changed = await send("PATCH", { name: "studio", private_only: true });
    expect([changed.status, JSON.parse(changed.body.toString())]).toMatchObject([
      200,
      { name: "studio", private_only: true, connected: true },
    ]);
    expect(await listed(made)).toEqual([]);
    for (const body of [{ name: "" }, { name: "a\0b" }, { name: "n".repeat(129) }, { private_only: 1 }, { more: 1 }])
      expect((await send("PATCH", body)).status).toBe(400);
    expect((await send("PATCH", { name: "n".repeat(5_000) })).status).toBe(413);
    for (const refused of [await send("PATCH", { name: "x" }, eve.bearer), await send("DELETE", undefined, eve.bearer)])
      expect(errorOf(refused).slice(0, 2)).toEqual([404, "machine_not_found"]);
    expect(await mine(made, anna.bearer)).toMatchObject([{ name: "studio", connected: true }]);
    expect(await made.signIn.audit.list(9)).toMatchObject([{ action: "machines.edit", actor: anna.person.personId }]);
  });

  it("unlinks it, and its connection ends at once, for good", async () => {
    const { made, send, anna, signer } = await withAnna();
    await using _ = made;
    expect((await send("DELETE")).status).toBe(200);
    expect((await ask(made)).status, "in the very next request").toBe(503);
    await made.clock.advance(60_000);
    expect(made.fleet.size).toBe(0);
    expect(await mine(made, anna.bearer)).toEqual([]);
    expect((await send("DELETE")).status).toBe(404);
    expect(await made.signIn.audit.list(1)).toMatchObject([{ action: "machines.unlink", subject: idOf(signer) }]);
    expect(made.bugs).toEqual([]);
  });

  it("who is disabled has no machine and no connection of one left", async () => {
    const { made } = await withAnna();
    await using _ = made;
    await made.owners.unlinkAll(account);
    expect((await ask(made)).status).toBe(503);
    await made.clock.advance(60_000);
    expect(made.fleet.size).toBe(0);
  });
});
