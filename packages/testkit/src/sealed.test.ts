import { utf8 } from "@darkbloom/protocol/bytes";
import { endpoints, type Endpoint } from "@darkbloom/protocol/dialects";
import type { Attestation } from "@darkbloom/protocol/evidence";
import { nodeCrypto, nodeHpke, systemRandom } from "@darkbloom/protocol/node";
import {
  AnswerTampered,
  frameRecord,
  AnswerRecordReader,
  EnvelopeOpener,
  saysCannotOpen,
  sealRequest,
  SEAL_INFO,
  writeEnvelope,
  type SealHeader,
} from "@darkbloom/protocol/sealing";
import type { Script } from "@darkbloom/provider/testing";
import { Conduct } from "@darkbloom/coordinator/testing";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { HPKE_KEY_LIFE_MS } from "@darkbloom/protocol/limits";
import { afterEach, describe, expect, it, vi } from "vitest";
import { HttpNetwork, KEY, questionFor, type Answered } from "./http-network.ts";
import { account, CREDIT } from "./network.ts";
import { SealedCaller } from "./sealed-caller.ts";
import type { Behaviour } from "./test-provider.ts";

const said: Script = { pieces: ["<think>", "hm", "</think>", " Rain", " is", " water", "."], tokenMs: 50 };

const opened: HttpNetwork[] = [];
afterEach(async () => {
  for (const made of opened.splice(0)) {
    await made[Symbol.asyncDispose]();
    expect(made.bugs).toEqual([]);
    expect(await made.ledger.check()).toEqual([]);
  }
});

async function network(...scripts: readonly Behaviour[]) {
  const net = await HttpNetwork.open();
  opened.push(net);
  await net.credit();
  const providers = scripts.map((script) => net.provider(script));
  await net.clock.advance(1_000);
  const caller = new SealedCaller(net);
  const spent = async () => CREDIT - (await net.ledger.totals(account)).balance;
  return { net, providers, caller, spent };
}
const always =
  (script: Script): Behaviour =>
  () =>
    script;

const plainOnly: readonly Endpoint[] = ["/v1/messages/count_tokens", "/v1/embeddings", "/v1/responses/compact"];
const rows = endpoints.flatMap((endpoint): [Endpoint, boolean][] =>
  plainOnly.includes(endpoint) ? [[endpoint, false]] : [true, false].map((stream) => [endpoint, stream]),
);
/** Ids and times of one answer are another's no more. */
const alike = (body: string): string =>
  body.replaceAll(/[a-z]+[-_][0-9a-f]{24,}|job_[0-9a-f]+|"(created|created_at|completed_at)":\d+/g, "…");

describe("sealed mode", () => {
  /** Goal: who seals gets what who does not gets, to the byte but for ids, and the same proof. Method: both on every endpoint, streamed and plain. */
  it.each(rows)("answers at %s (streamed: %s) as in the clear, and proves it", async (endpoint, stream) => {
    const { net, caller, spent } = await network(always(said), always(said));
    const body = questionFor(endpoint, { ...(!plainOnly.includes(endpoint) && { stream }), seed: 7 });
    delete (endpoint.startsWith("/v1/messages") || plainOnly.includes(endpoint) ? body : {})["seed"];
    const clear = await net.call(endpoint, body);
    const paid = await spent();
    const sealed = await caller.seal(endpoint, body, { terms: { nonce: "mine" } });
    const answered = await caller.send(sealed);
    expect(answered.status, answered.body.toString()).toBe(200);
    expect(answered.headers).toMatchObject({
      "content-type": "application/vnd.darkbloom.sealed-stream",
      "x-darkbloom-privacy": "sealed",
      "x-provider-attested": "true",
      "x-provider-trust-level": "self_signed",
    });
    for (const name of ["x-response-hash", "x-se-signature", "x-darkbloom-receipt", "trailer"])
      expect(answered.headers).not.toHaveProperty(name);
    const { body: told, tail, document } = caller.open(sealed, answered);
    expect(alike(told)).toBe(alike(clear.body.toString().replace(/: darkbloom-receipt .*\n\n$/, "")));
    expect(await caller.faultsOf(sealed, answered)).toEqual([]);
    expect(document?.receipt).toMatchObject({ privacy: "sealed", endpoint, nonce: "mine" });
    expect(document?.receipt).not.toHaveProperty("sampling");
    expect(document?.receipt).not.toHaveProperty("finish_reason");
    expect(tail).toMatchObject({ kind: "answer" });
    expect(await spent()).toBe(2n * paid);
    const stored = await net.during(net.send(`/v1/receipts/${document?.receipt.job_id}`, { method: "GET" }));
    expect(JSON.parse(stored.body.toString())).toMatchObject({ receipt: document?.receipt });
  });
});

const CHAT = "/v1/chat/completions";
const plain = questionFor(CHAT, { max_tokens: 100 });
const streamed = { ...plain, stream: true };
const codeIn = ({ body }: Answered): string => (JSON.parse(body.toString()) as { error: { code: string } }).error.code;
const fails: Script = { pieces: [" x"], failAfter: 0 };

describe("the machines that a request is sealed to", () => {
  /** Goal: a machine that fails is followed by another that was named, unseen, and never by one that was not. Method: two of three are named, of which the first fails. */
  it.each([true, false])("take each other's place before the first content (streamed: %s)", async (stream) => {
    const tries: number[] = [];
    const script =
      (machine: number): Behaviour =>
      () => {
        tries.push(machine);
        return tries.length === 1 ? fails : said;
      };
    const { caller, spent } = await network(script(0), script(1), script(2));
    const machines = (await caller.candidates()).slice(0, 2);
    const sealed = await caller.seal(CHAT, { ...plain, stream }, { machines });
    const answered = await caller.send(sealed);
    expect(answered.status).toBe(200);
    expect(tries).toHaveLength(2);
    expect(new Set(tries).size).toBe(2);
    expect(machines.map(({ provider_id }) => provider_id)).toContain(answered.headers["x-provider-id"]);
    expect(await caller.faultsOf(sealed, answered)).toEqual([]);
    expect(await spent()).toBeGreaterThan(0n);
  });

  it("are the only ones that may: others are told of in a 409, under the same policy", async () => {
    const { net, caller, providers, spent } = await network(always(said), always(said));
    const [gone] = await caller.candidates();
    const sealed = await caller.seal(CHAT, streamed, { machines: gone ? [gone] : [] });
    providers.find(({ serial }) => serial === gone?.provider_serial)?.stop();
    await net.clock.advance(1_000);
    const answered = await caller.send(sealed);
    expect([answered.status, codeIn(answered)]).toEqual([409, "no_candidate"]);
    const { sealing } = JSON.parse(answered.body.toString()) as {
      sealing: { model: object; providers: Attestation[] };
    };
    const now = await caller.candidates();
    expect(sealing.model).toMatchObject({ id: "scripted", build: "scripted", max_output_length: 1024 });
    expect(sealing.providers.map(({ provider_id }) => provider_id)).toEqual(now.map(({ provider_id }) => provider_id));
    expect(now.map(({ provider_id }) => provider_id)).not.toContain(gone?.provider_id);
    const again = await caller.seal(CHAT, streamed, { machines: sealing.providers });
    expect((await caller.send(again)).status).toBe(200);
    expect(await spent()).toBeGreaterThan(0n);
  });

  /** Goal: who makes machines up gets no long list, and who was only away long enough gets machines to seal to. Method: of eighteen, one that is connected and one that never was, each named alone for what it cannot have. */
  it("are answered with a short list where none of them is connected", async () => {
    const { caller } = await network(...Array.from({ length: 18 }, () => always(said)));
    const [known] = await caller.candidates();
    const told = async (changed: Partial<Attestation>): Promise<number> => {
      const machines = known ? [{ ...known, ...changed }] : [];
      const answered = await caller.send(await caller.seal(CHAT, plain, { machines }));
      expect([answered.status, codeIn(answered)]).toEqual([409, "no_candidate"]);
      const { sealing } = JSON.parse(answered.body.toString()) as { sealing: { providers: Attestation[] } };
      return sealing.providers.length;
    };
    expect(await told({ evidence_sha256: "f".repeat(64) })).toBe(16);
    expect(await told({ provider_id: "prov_made_up" })).toBe(4);
  });

  it("are not waited for where they are full and others are not", async () => {
    const { net, caller } = await network(always({ ...said, tokenMs: 5_000 }), always(said));
    const [busy, free] = await caller.candidates();
    const only = { machines: busy ? [busy] : [] };
    const running = await Promise.all([1, 2, 3, 4].map(() => caller.seal(CHAT, streamed, only)));
    const sent = running.map(({ bytes }) =>
      net.send(CHAT, { body: bytes, headers: { "content-type": "application/vnd.darkbloom.sealed" } }),
    );
    await net.clock.advance(200);
    const answered = await caller.send(await caller.seal(CHAT, streamed, only));
    expect([answered.status, codeIn(answered)]).toEqual([409, "no_candidate"]);
    const { sealing } = JSON.parse(answered.body.toString()) as { sealing: { providers: Attestation[] } };
    expect(sealing.providers[0]?.provider_id).toBe(free?.provider_id);
    expect((await net.during(Promise.all(sent), 100)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  it("must serve the build that was named: of another nobody is told", async () => {
    const { caller } = await network(always(said));
    const answered = await caller.send(await caller.seal(CHAT, plain, { terms: { build: "an older one" } }));
    expect([answered.status, codeIn(answered)]).toEqual([409, "no_candidate"]);
    expect(JSON.parse(answered.body.toString())).toMatchObject({ sealing: { providers: [] } });
  });

  it("are told of as none where the network has none", async () => {
    const { net, caller, providers } = await network(always(said));
    const sealed = await caller.seal(CHAT, plain);
    for (const provider of providers) provider.stop();
    await net.clock.advance(1_000);
    const answered = await caller.send(sealed);
    expect([answered.status, codeIn(answered)]).toEqual([503, "no_provider"]);
  });

  it("are listed by level and serial, and by no more than sixteen", async () => {
    const { net, caller } = await network(...Array.from({ length: 18 }, () => always(said)));
    expect(await caller.candidates()).toHaveLength(16);
    expect(await caller.candidates("&min_trust=hardware")).toEqual([]);
    const [one, two] = await caller.candidates();
    const pinned = await caller.candidates(`&serial=${one?.provider_serial}&serial=${two?.provider_serial}`);
    expect(pinned.map(({ provider_id }) => provider_id).toSorted()).toEqual(
      [one, two].map((machine) => machine?.provider_id ?? "").toSorted(),
    );
    const unknown = await net.during(net.send("/v1/providers/attestation?model=other", { method: "GET" }));
    expect([unknown.status, codeIn(unknown)]).toEqual([404, "model_not_found"]);
  });
});

describe("an envelope", () => {
  /** Goal: what the clear fields and the request say is one thing. Method: each way in which they differ, with the field that is blamed. */
  it.each<[what: string, header: Partial<SealHeader>, headers: Record<string, string>, param: string]>([
    ["another path", { endpoint: "/v1/messages" }, {}, "hdr.endpoint"],
    ["another mode", { mode: "transparent" }, {}, "hdr.mode"],
    ["another nonce", { nonce: "mine" }, { "x-darkbloom-nonce": "other" }, "hdr.nonce"],
    ["a nonce beside none", {}, { "x-darkbloom-nonce": "other" }, "hdr.nonce"],
    ["another level", {}, { "x-darkbloom-min-trust": "hardware" }, "hdr.min_trust"],
    ["an expiry that is past", { expires_at: "2020-01-01T00:00:00Z" }, {}, "hdr.expires_at"],
    ["an expiry that is far", { expires_at: "2040-01-01T00:00:00Z" }, {}, "hdr.expires_at"],
    ["an alias for a model", { model: "alias" }, {}, "hdr.model"],
    ["more than the model writes", { max_tokens: 4 * 1024 + 1 }, {}, "hdr.max_tokens"],
    ["what no machine can", { features: ["vision"] }, {}, "hdr.features"],
  ])("with %s is refused", async (_, header, headers, param) => {
    const { net, caller, spent } = await network(always(said));
    const sealed = await caller.seal(CHAT, plain);
    const changed = { ...sealed.header, ...header };
    const bytes = writeEnvelope({ ...sealed.envelope, hdr: JSON.stringify(changed) });
    const answered = await net.during(
      net.send(CHAT, { body: bytes, headers: { "content-type": "application/vnd.darkbloom.sealed", ...headers } }),
    );
    const { error } = JSON.parse(answered.body.toString()) as { error: { param: string | null } };
    // A name that no model has is told as such.
    if (param === "hdr.model") expect(answered.status).toBe(404);
    else expect([answered.status, error.param]).toEqual([400, param]);
    expect(await spent()).toBe(0n);
  });

  /** Goal: what its machine could not sign is not given to one. Method: nonces that no header could carry, sealed as they are. */
  it.each(["\ud800", "a\nb", "", "\u00e9"])("with the nonce %j is refused", async (nonce) => {
    const { caller, spent } = await network(always(said));
    const answered = await caller.send(await caller.seal(CHAT, plain, { terms: { nonce } }));
    expect([answered.status, codeIn(answered)]).toEqual([400, "body_invalid"]);
    expect(await spent()).toBe(0n);
  });

  it("may be told of in headers that say the same, in any spelling of its type", async () => {
    const { caller } = await network(always(said));
    const sealed = await caller.seal(CHAT, plain, { terms: { nonce: "mine", max_tokens: 4 * 1024 } });
    const headers = {
      "content-type": "Application/VND.Darkbloom.Sealed; v=1",
      "x-darkbloom-nonce": "mine",
      "x-darkbloom-min-trust": "self_signed",
      "x-darkbloom-receipt": "required",
    };
    const answered = await caller.send(sealed, headers);
    expect(answered.status).toBe(200);
    expect(await caller.faultsOf(sealed, answered)).toEqual([]);
  });

  it.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array(0)],
    ["JSON", utf8(JSON.stringify(plain))],
  ])("is not %s", async (_, body) => {
    const { net } = await network(always(said));
    const answered = await net.during(
      net.send(CHAT, { body, headers: { "content-type": "application/vnd.darkbloom.sealed" } }),
    );
    expect([answered.status, codeIn(answered)]).toEqual([400, "body_invalid"]);
  });

  /** Goal: a replayed envelope runs nothing, costs nothing, blames no machine, and who sends many waits. Method: one, again and again. */
  it("that comes again is opened by nobody, and its machine signs that", async () => {
    const { net, caller, spent } = await network(always(said));
    const sealed = await caller.seal(CHAT, plain);
    expect((await caller.send(sealed)).status).toBe(200);
    const paid = await spent();
    const replayed = await caller.send(sealed);
    expect([replayed.status, codeIn(replayed)]).toEqual([400, "cannot_open"]);
    const { cannot_open: signed } = JSON.parse(replayed.body.toString()) as {
      cannot_open: { statement: string; signature: string };
    };
    const [machine] = await caller.candidates();
    const { job_id } = JSON.parse(signed.statement) as { job_id: string };
    const about = {
      job_id,
      request_sha256: Buffer.from(nodeCrypto.sha256(sealed.bytes)).toString("hex"),
      provider_id: machine?.provider_id ?? "",
      identity_key: machine?.se_public_key ?? "",
    };
    expect(await saysCannotOpen(nodeCrypto, signed, about)).toBe(true);
    expect(await saysCannotOpen(nodeCrypto, signed, { ...about, job_id: "job_other" })).toBe(false);
    expect(await saysCannotOpen(nodeCrypto, { ...signed, signature: "AAAA" }, about)).toBe(false);
    expect(await spent()).toBe(paid);
    const statuses: number[] = [];
    for (let time = 0; time < 25; time++) statuses.push((await caller.send(sealed)).status);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(2);
    // Nothing is held against the machine, and what is sealed in the clear is served on.
    expect(net.fleet.machines().map(({ conduct }) => conduct)).toEqual([expect.objectContaining({ faultsAtMs: [] })]);
    expect((await net.call(CHAT, plain)).status).toBe(200);
  });

  /** Goal: a machine tells its callers apart without knowing who they are, and one who has filled its share is served elsewhere. Method: requests in both modes, whose names are looked at; then a machine that says so once. */
  it.each(["sealed", "in the clear"])(
    "that is sent %s is one of its caller's, by a name of its machine's",
    async (how) => {
      const { net, caller } = await network(always(said), always(said));
      const opens = vi.spyOn(EnvelopeOpener.prototype, "open");
      const ask = async () =>
        how === "sealed" ? await caller.send(await caller.seal(CHAT, plain)) : await net.call(CHAT, plain);
      const machines = new Map<string, Set<unknown>>();
      for (let time = 0; time < 8; time++) expect((await ask()).status).toBe(200);
      for (const [, machine, , , name] of opens.mock.calls)
        machines.set(machine, (machines.get(machine) ?? new Set()).add(name));
      const names = [...machines.values()].map((each) => [...each]);
      for (const each of names) expect(each).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
      expect(new Set(names.flat()).size).toBe(machines.size);
      opens.mockClear();
      opens.mockReturnValueOnce({ refused: "over_share" });
      expect((await ask()).status).toBe(200);
      expect(new Set(opens.mock.calls.map(([, machine]) => machine)).size).toBe(2);
      expect(net.fleet.machines().flatMap(({ conduct }) => conduct.faultsAtMs)).toEqual([]);
      opens.mockRestore();
    },
  );

  /** Goal: a machine that always says so costs itself its caller, and not the caller its requests. Each of its words that the other one disproves is remembered of it. Method: one of two that opens nothing, forty requests; then some that name it alone, beside the other and without it. */
  it("that one machine alone says it cannot open is another's, and soon that one is not asked", async () => {
    const { net, caller, providers } = await network(always(said), always(said));
    const [liar, honest] = await caller.candidates();
    const real = EnvelopeOpener.prototype.open;
    let lies = 0;
    const opens = vi.spyOn(EnvelopeOpener.prototype, "open").mockImplementation(function (
      this: EnvelopeOpener,
      ...given
    ) {
      if (given[1] !== liar?.provider_id) return real.apply(this, given);
      lies++;
      return { refused: "cannot_open" };
    });
    const declined = vi.spyOn(Conduct.prototype, "declined");
    for (let time = 0; time < 40; time++) {
      const answered = await caller.send(await caller.seal(CHAT, plain));
      expect([answered.status, answered.headers["x-provider-id"] === liar?.provider_id]).toEqual([200, false]);
    }
    expect([lies, declined.mock.calls.length]).toEqual([5, 5]);
    const toLiar = await caller.seal(CHAT, plain, { machines: liar ? [liar] : [] });
    const toOthers = await caller.send(toLiar);
    expect([toOthers.status, codeIn(toOthers), lies]).toEqual([409, "no_candidate", 5]);
    const { sealing } = JSON.parse(toOthers.body.toString()) as { sealing: { providers: Attestation[] } };
    expect(sealing.providers.map(({ provider_id }) => provider_id)).toEqual([honest?.provider_id]);
    providers.find(({ serial }) => serial === honest?.provider_serial)?.stop();
    await net.clock.advance(1_000);
    const alone = await caller.send(toLiar);
    expect([alone.status, codeIn(alone), lies]).toEqual([429, "rate_limit_exceeded", 5]);
    expect(Number(alone.headers["retry-after"])).toBeGreaterThan(0);
    opens.mockRestore();
    expect(net.fleet.machines().flatMap(({ conduct }) => conduct.faultsAtMs)).toEqual([]);
  });

  /** Goal: what two machines say of one envelope is its caller's doing, who waits before any machine has work again, and is held against none of them. Method: machines that open nothing, until they are asked no more. */
  it("that two machines cannot open counts against its caller", async () => {
    const { net, caller } = await network(...Array.from({ length: 9 }, () => always(said)));
    const machines = await caller.candidates();
    const opens = vi.spyOn(EnvelopeOpener.prototype, "open").mockReturnValue({ refused: "cannot_open" });
    const declined = vi.spyOn(Conduct.prototype, "declined");
    const statuses: number[] = [];
    for (let time = 0; time < 20; time++) {
      const two = [machines[(2 * time) % 8], machines[(2 * time + 1) % 8]].flatMap((one) => one ?? []);
      statuses.push((await caller.send(await caller.seal(CHAT, plain, { machines: two }))).status);
    }
    expect(new Set(statuses)).toEqual(new Set([400]));
    expect(opens).toHaveBeenCalledTimes(40);
    const ninth = machines.slice(8);
    const refused = await caller.send(await caller.seal(CHAT, plain, { machines: ninth }));
    expect([refused.status, codeIn(refused)]).toEqual([429, "rate_limit_exceeded"]);
    expect(opens).toHaveBeenCalledTimes(40);
    expect(declined).not.toHaveBeenCalled();
    opens.mockRestore();
    expect((await net.call(CHAT, plain)).status).toBe(200);
    await net.clock.advance(3_000);
    expect((await caller.send(await caller.seal(CHAT, plain, { machines: ninth }))).status).toBe(200);
  });

  /** Goal: keys live in memory alone. Method: the same machine, with the same identity, in a new process. */
  it("for a machine that has started again since is sent back", async () => {
    const { net, caller, providers } = await network(always(said));
    const sealed = await caller.seal(CHAT, plain);
    providers[0]?.cut();
    await net.clock.advance(20_000);
    const answered = await caller.send(sealed);
    expect([answered.status, codeIn(answered)]).toEqual([409, "no_candidate"]);
  });
});

describe("a machine's own refusal", () => {
  it.each<[string, object, string]>([
    ["a bad temperature", { temperature: 9 }, "temperature"],
    ["another stream flag", { stream: true }, "stream"],
    ["another model", { model: "other" }, "model"],
    ["tools that were not told of", { tools: [{ type: "function", function: { name: "f" } }] }, "tools"],
    ["machines that were not told of", { provider_serial: "SW-OTHER" }, "provider_serial"],
  ])("of %s is for its caller alone, and free", async (_, more, param) => {
    const { caller, spent } = await network(always(said));
    const sealed = await caller.seal(CHAT, { ...plain, ...more }, { terms: { stream: false, features: [] } });
    const answered = await caller.send(sealed);
    expect([answered.status, answered.headers["content-type"]]).toEqual([
      400,
      "application/vnd.darkbloom.sealed-stream",
    ]);
    expect(answered.body.toString()).not.toContain(param);
    const [record] = new AnswerRecordReader().push(answered.body);
    expect(record?.kind).toBe("frame");
    const { tail, body } = caller.open(sealed, answered);
    expect(body).toBe("");
    if (tail?.kind !== "refusal") return expect.fail("no refusal");
    expect(tail.status).toBe(400);
    expect(JSON.parse(tail.body)).toMatchObject({ error: { param } });
    expect(await spent()).toBe(0n);
  });

  it("of what its model cannot read has that dialect's words", async () => {
    const { caller } = await network(always(said));
    const long = { model: "scripted", max_tokens: 5, messages: [{ role: "user", content: "word ".repeat(3000) }] };
    const sealed = await caller.seal("/v1/messages", long);
    const answered = await caller.send(sealed);
    const { tail } = caller.open(sealed, answered);
    expect(answered.status).toBe(400);
    expect(tail?.kind === "refusal" && JSON.parse(tail.body)).toMatchObject({
      type: "error",
      error: { type: "invalid_request_error", message: expect.stringContaining("prompt is too long") },
    });
  });
});

describe("the bounds of a sealed request", () => {
  it("are those of its clear fields, whatever the body says", async () => {
    const { caller } = await network(always({ pieces: Array.from({ length: 50 }, () => " x"), tokenMs: 1 }));
    const sealed = await caller.seal(CHAT, { ...plain, max_tokens: 40 }, { terms: { max_tokens: 7 } });
    const { document, tail } = caller.open(sealed, await caller.send(sealed));
    expect(document?.receipt.usage.completion_tokens).toBe(7);
    expect(tail).toMatchObject({ finish_reason: "length", sampling: { max_tokens: 7 } });
  });
});

describe("money of a sealed request", () => {
  it("is, where the caller hangs up, for what came by then", async () => {
    const { net, caller, spent } = await network(
      always({ pieces: Array.from({ length: 60 }, () => " x"), tokenMs: 100 }),
    );
    const whole = await caller.send(await caller.seal(CHAT, streamed), {}, 10);
    expect(whole.status).toBe(200);
    const full = await spent();
    const sealed = await caller.seal(CHAT, streamed);
    const leaving = httpRequest(`http://${net.address}${CHAT}`, {
      method: "POST",
      headers: { "content-type": "application/vnd.darkbloom.sealed", authorization: `Bearer ${KEY}` },
    });
    leaving.on("error", () => {});
    leaving.end(sealed.bytes);
    const begun = once(leaving, "response");
    await net.during(begun, 10);
    await net.clock.advance(2_000);
    leaving.destroy();
    await expect.poll(async () => (await net.clock.advance(10), net.running)).toBe(0);
    const paid = (await spent()) - full;
    expect(paid).toBeGreaterThan(0n);
    expect(paid).toBeLessThan(full);
  });

  it("is none where its machine breaks off, which is told as a record", async () => {
    const { caller, spent } = await network(always({ pieces: [" a", " b", " c"], tokenMs: 100, failAfter: 2 }));
    const sealed = await caller.seal(CHAT, streamed);
    const answered = await caller.send(sealed);
    const { error, document, body } = caller.open(sealed, answered);
    expect([answered.status, document, error]).toMatchObject([200, undefined, { status: 502, code: "provider_fault" }]);
    expect(body).toContain('"content":" b"');
    expect(await spent()).toBe(0n);
  });
});

describe("who stands between", () => {
  /** Goal: a candidate cannot make another one answer for it: what it reads it cannot seal anew under the caller's name. Method: the body opened and sealed again, for another machine, under the same clear fields. */
  it("a malicious candidate that encrypts the body again for another gets an answer that its caller does not take", async () => {
    const { caller } = await network(always(said), always(said));
    const machines = await caller.candidates();
    const sealed = await caller.seal(CHAT, plain, { machines });
    const [, victim] = machines;
    const other = await caller.seal(CHAT, plain, { machines: victim ? [victim] : [] });
    // The same clear fields, with the body and the wrap of another seal: no wrap fits them.
    const forged = { ...sealed.envelope, bytes: undefined, body: other.envelope.body, wraps: sealed.envelope.wraps };
    const { bytes: _, ...envelope } = forged;
    const refused = await caller.send({ header: sealed.header, bytes: writeEnvelope(envelope) });
    expect([refused.status, codeIn(refused)]).toEqual([400, "cannot_open"]);
    // And a whole new seal is another request: its answer opens with none of the caller's secrets.
    const stolen = await caller.send(other);
    expect(stolen.status).toBe(200);
    expect(() => caller.open(sealed, stolen)).toThrow(AnswerTampered);
  });

  it("a coordinator that swaps the sealing key names evidence that its key does not stand in", async () => {
    const { caller } = await network(always(said));
    const [machine] = await caller.candidates();
    const own = nodeHpke.generateKey("x-wing/hkdf-sha256/aes-256-gcm", 0);
    const context = nodeHpke.sealContext(own.suite, own.publicKey, SEAL_INFO);
    const { header } = await caller.seal(CHAT, plain);
    const swapped = {
      ...header,
      candidates: [
        { provider_id: machine?.provider_id ?? "", key_id: own.id, evidence_sha256: machine?.evidence_sha256 ?? "" },
      ],
    };
    const tools = { hpke: nodeHpke, crypto: nodeCrypto, random: systemRandom };
    const { envelope } = sealRequest(tools, {
      header: swapped,
      body: utf8(JSON.stringify(plain)),
      recipients: [{ keyId: own.id, context }],
    });
    // Nobody here has that key, so nobody is asked.
    const answered = await caller.send({ header: swapped, bytes: writeEnvelope(envelope) });
    expect([answered.status, codeIn(answered)]).toEqual([409, "no_candidate"]);
  });

  it("a replayed answer opens for no other request", async () => {
    const { caller } = await network(always(said));
    const first = await caller.seal(CHAT, plain);
    const answered = await caller.send(first);
    const second = await caller.seal(CHAT, plain);
    expect(() => caller.open(second, answered)).toThrow(AnswerTampered);
  });

  /** Goal: any bit of the clear fields is bound. Method: one bit of each byte of them changed, and sent. */
  it("a bit that is changed in the clear fields is refused, by whoever sees it first", async () => {
    const { net, caller, spent } = await network(always(said));
    const sealed = await caller.seal(CHAT, plain);
    const { hdr } = sealed.envelope;
    const refused = new Set<number>();
    for (let at = 0; at < hdr.length; at += 7) {
      const changed = hdr.slice(0, at) + String.fromCharCode(hdr.charCodeAt(at) ^ 1) + hdr.slice(at + 1);
      const bytes = writeEnvelope({ hdr: changed, wraps: sealed.envelope.wraps, body: sealed.envelope.body });
      const answered = await net.during(
        net.send(CHAT, { body: bytes, headers: { "content-type": "application/vnd.darkbloom.sealed" } }),
      );
      refused.add(answered.status);
    }
    expect([...refused].filter((status) => status < 400)).toEqual([]);
    expect(await spent()).toBe(0n);
  });

  it("frames that are dropped, moved or repeated in the answer's records are noticed", async () => {
    const { caller } = await network(always(said));
    const sealed = await caller.seal(CHAT, streamed);
    const answered = await caller.send(sealed);
    const frames = new AnswerRecordReader()
      .push(answered.body)
      .flatMap((record) => (record.kind === "frame" ? [frameRecord(record.bytes)] : []));
    expect(frames.length).toBeGreaterThan(3);
    const [one, two, three, ...rest] = frames;
    if (!one || !two || !three) return expect.fail("too few");
    for (const changed of [
      [one, three, ...rest],
      [one, three, two, ...rest],
      [one, two, two, three, ...rest],
      [two, three, ...rest],
    ])
      expect(() => caller.open(sealed, { ...answered, body: Buffer.concat(changed) })).toThrow(AnswerTampered);
    const cut = caller.open(sealed, { ...answered, body: Buffer.concat(frames.slice(0, -1)) });
    expect([cut.tail, cut.document]).toEqual([undefined, undefined]);
  });
});

/** Goal: the key that opened is the one that a receipt names. Method: the machine shows a new blob, with new keys, while it answers; and what was sealed for the former one still comes. */
it("names the key that opened the request, though it was renewed meanwhile", async () => {
  const { net, caller } = await network(always({ ...said, tokenMs: 20_000 }));
  await net.clock.advance(HPKE_KEY_LIFE_MS - 60 * 60_000 - 30_000);
  const [before] = await caller.candidates();
  const sealed = await caller.seal(CHAT, streamed);
  const late = await caller.seal(CHAT, plain);
  const sent = net.send(CHAT, { body: sealed.bytes, headers: { "content-type": "application/vnd.darkbloom.sealed" } });
  await net.clock.advance(100_000);
  const [after] = await caller.candidates();
  expect(after?.evidence_sha256).not.toBe(before?.evidence_sha256);
  const answered = await net.during(sent, 100);
  const receipts = [caller.open(sealed, answered).document?.receipt];
  receipts.push(caller.open(late, await caller.send(late)).document?.receipt);
  for (const receipt of receipts)
    expect(receipt).toMatchObject({
      evidence_sha256: before?.evidence_sha256,
      hpke_key_id: sealed.header.candidates[0]?.key_id,
    });
});
