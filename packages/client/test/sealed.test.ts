import { concatBytes, toBase64 } from "@darkbloom/protocol/bytes";
import { endpoints } from "@darkbloom/protocol/endpoints";
import type { Attestation, Attestations } from "@darkbloom/protocol/evidence";
import { readEnvelope, type SealHeader } from "@darkbloom/protocol/sealing";
import { questionFor } from "@darkbloom/testkit";
import { describe, expect, it } from "vitest";
import type { AnyPolicy } from "../src/policy.ts";
import { stepsThat, World, type Meddle } from "./world.ts";

const sealed = (world: World, policy: Partial<AnyPolicy> = {}) => world.client({ mode: "sealed", ...policy });
const isAnswer = (path: string): boolean => path === "/v1/chat/completions";
const bytesOf = (init: RequestInit): Uint8Array => (init.body instanceof Uint8Array ? init.body : new Uint8Array(0));
const headerIn = (init: RequestInit): SealHeader => JSON.parse(readEnvelope(bytesOf(init))?.hdr ?? "{}") as SealHeader;

const plainOnly = ["/v1/messages/count_tokens", "/v1/embeddings", "/v1/responses/compact"];
const rows = endpoints.flatMap((endpoint) =>
  (plainOnly.includes(endpoint) ? [false] : [true, false]).map((stream) => [endpoint, stream] as const),
);

/**
 * Goal: every endpoint's sealed answer comes out in its dialect's own form, whole and shown to be so, and nothing that was asked or
 * answered leaves in the clear. Method: one question each; what was sent, what came, what came out, and its document.
 */
it.each(rows)("seals a request of %s and verifies its answer, stream %s", async (path, stream) => {
  await using world = await World.open();
  const wire: Uint8Array[] = [];
  world.meddle = async (_path, answer, init) => {
    wire.push(bytesOf(init));
    const response = await answer();
    const came = await response.bytes();
    if (init.method === "POST") wire.push(came);
    return new Response(came, response);
  };
  const said = { messages: undefined, ...questionFor(path, { ...(stream && { stream }) }) };
  const { response, text, verification, broke } = await world.ask(sealed(world), { path, said });
  expect([response.status, broke]).toEqual([200, undefined]);
  expect(verification).toMatchObject({
    outcome: "verified",
    endpoint: path,
    mode: "sealed",
    machine: { level: "self_signed" },
  });
  expect(stepsThat("fail", verification)).toEqual([]);
  expect(verification.steps.filter(({ id }) => id === "receipt.privacy")).toHaveLength(1);
  expect(stepsThat("pass", verification)).toEqual(
    expect.arrayContaining([
      "receipt.request",
      "receipt.response",
      "receipt.nonce",
      "receipt.privacy",
      "receipt.hpke_key",
      "receipt.request_commitment",
      "receipt.response_commitment",
      "receipt.private_commitment",
      "receipt.build",
      "response.signature",
      "response.hash",
    ]),
  );
  expect(response.headers.get("content-type")).toContain(stream ? "text/event-stream" : "application/json");
  expect(text).toContain(stream ? ": darkbloom-receipt " : "{");
  const seen = wire.map((bytes) => Buffer.from(bytes).toString("latin1")).join();
  for (const word of ["What is rain", "Rain", " water"]) expect(seen).not.toContain(word);
});

it("asks for evidence once", async () => {
  await using world = await World.open();
  const client = sealed(world);
  await world.ask(client);
  expect(world.sent.length).toBe(3);
  world.sent.length = 0;
  for (let times = 0; times < 5; times++) await world.ask(client, { said: { stream: times % 2 === 0 } });
  expect(world.sent).toEqual(Array.from({ length: 5 }, () => "POST /v1/chat/completions"));
});

it("names up to four machines, the best suite, and what is needed of the request", async () => {
  await using world = await World.open();
  for (let more = 0; more < 5; more++) world.net.provider(() => ({ pieces: ["more"] }));
  await world.net.clock.advance(2_000);
  let header: SealHeader | undefined;
  world.meddle = (path, answer, init) => {
    if (isAnswer(path)) header = headerIn(init);
    return answer();
  };
  const tools = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];
  const { verification } = await world.ask(sealed(world), { said: { tools, max_tokens: 7, n: 2, temperature: 0 } });
  expect(verification.outcome).toBe("verified");
  expect(header).toMatchObject({
    mode: "sealed",
    suite: "x-wing/hkdf-sha256/aes-256-gcm",
    features: ["tools"],
    max_tokens: 14,
  });
  expect(header?.candidates).toHaveLength(4);
});

it("hands on what a machine refuses, in the dialect's own form", async () => {
  await using world = await World.open();
  const { response, text, verification } = await world.ask(sealed(world), { said: { temperature: 3 } });
  expect([response.status, (JSON.parse(text) as { error: { param: string } }).error.param]).toEqual([
    400,
    "temperature",
  ]);
  expect(verification).toMatchObject({ outcome: "failed", steps: [{ id: "answer.error", source: "provider" }] });
  const unknown = await world.ask(sealed(world), { said: { model: "nothing" } });
  expect([unknown.response.status, unknown.verification.error?.code]).toEqual([404, "model_unknown"]);
});

describe("nothing is sent", () => {
  it.each<[what: string, policy: Partial<AnyPolicy>, code: string]>([
    ["to a machine of lower trust than hardware", { minTrust: "hardware" }, "policy_unmet"],
    ["to a machine that is not pinned", { pins: ["SW-OTHER"] }, "policy_unmet"],
    ["for other weights", { builds: [{ weightsSha256: "1".repeat(64) }] }, "policy_unmet"],
  ])("%s", async (_, policy, code) => {
    await using world = await World.open();
    const { verification } = await world.ask(sealed(world, policy));
    expect([verification.error?.code, world.asked]).toEqual([code, 0]);
  });

  it.each<[what: string, change: (shown: Attestations) => void, code: string]>([
    [
      "with a swapped sealing key",
      ({ providers }) => {
        for (const { evidence } of providers) {
          const blob = JSON.parse(Buffer.from(evidence.blob, "base64").toString()) as {
            hpke_keys: { public_key: string }[];
          };
          for (const key of blob.hpke_keys)
            key.public_key = toBase64(new Uint8Array(Buffer.from(key.public_key, "base64").length).fill(9));
          Object.assign(evidence, { blob: Buffer.from(JSON.stringify(blob)).toString("base64") });
        }
      },
      "evidence_false",
    ],
    ["to a coordinator that takes nothing sealed, nor in the clear", (shown) => delete shown.model, "mode_unavailable"],
    [
      "for a build that no machine has signed",
      (shown) => shown.model && Object.assign(shown.model, { build: "other" }),
      "policy_unmet",
    ],
  ])("%s", async (_, change, code) => {
    await using world = await World.open();
    world.meddle = async (path, answer) => {
      const response = await answer();
      if (!path.endsWith("/attestation")) return response;
      const shown = (await response.json()) as Attestations;
      change(shown);
      return Response.json(shown);
    };
    const { verification } = await world.ask(sealed(world));
    expect([verification.error?.code, world.asked]).toEqual([code, 0]);
  });
});

/** Records as they came: `u8 kind ‖ u32 length ‖ bytes`. */
function recordsIn(bytes: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + new DataView(bytes.buffer, bytes.byteOffset + at + 1).getUint32(0);
    records.push(bytes.slice(at, end));
    at = end;
  }
  return records;
}

/** Goal: nothing that a machine did not seal for this request, whole and in order, is given out as good. Method: one lie each, both ways. */
describe("nothing is returned as good", () => {
  const changing =
    (change: (records: Uint8Array[]) => readonly Uint8Array[]): Meddle =>
    async (path, answer) => {
      const response = await answer();
      if (!isAnswer(path)) return response;
      return new Response(concatBytes(...change(recordsIn(await response.bytes()))), response);
    };
  const flipped = (record: Uint8Array, at: number): Uint8Array => record.with(at, (record.at(at) ?? 0) ^ 1);

  it.each<[what: string, change: (records: Uint8Array[]) => readonly Uint8Array[]]>([
    [
      "a bit of its first frame",
      (all) => all.map((record, at) => (at === 0 ? flipped(record, record.length - 1) : record)),
    ],
    ["a bit of its nonce", (all) => all.map((record, at) => (at === 0 ? flipped(record, 10) : record))],
    [
      "a bit of its last frame",
      (all) => all.map((record, at) => (at === all.length - 2 ? flipped(record, record.length - 1) : record)),
    ],
    ["a counter of tokens", (all) => all.map((record, at) => (at === all.length - 2 ? flipped(record, 17) : record))],
    ["a frame less", (all) => all.toSpliced(all.length - 3, 1)],
    ["a frame twice", (all) => all.toSpliced(1, 0, ...all.slice(1, 2))],
    ["no last frame", (all) => all.toSpliced(all.length - 2, 1)],
    ["no receipt", (all) => all.slice(0, -1)],
    ["half a receipt", (all) => [...all.slice(0, -1), ...all.slice(-1).map((record) => record.slice(0, -9))]],
    ["something behind the receipt", (all) => [...all, ...all.slice(-1)]],
    ["nothing at all", () => []],
  ])("of an answer with %s", async (_, change) => {
    await using world = await World.open();
    world.meddle = changing(change);
    for (const stream of [false, true]) {
      const { verification, broke, text, response } = await world.ask(sealed(world), { said: { stream } });
      expect([verification.outcome, verification.error?.code]).toEqual([
        "refused",
        expect.stringMatching(/^(answer_false|answer_cut_off|receipt_missing)$/),
      ]);
      if (stream && response.ok) expect(broke).toMatchObject({ name: "DarkbloomError" });
      expect(text).not.toContain("[DONE]");
      if (!stream) expect(text).not.toContain("Rain");
    }
  });

  it("of a replayed answer, of another request's receipt, or of one in the clear", async () => {
    await using world = await World.open();
    const client = sealed(world);
    let first: { readonly bytes: Uint8Array; readonly response: Response } | undefined;
    let way: "answer" | "receipt" | "clear" = "answer";
    world.meddle = async (path, answer) => {
      const response = await answer();
      if (!isAnswer(path)) return response;
      const bytes = await response.bytes();
      if (!first) first = { bytes, response };
      else if (way === "answer") return new Response(concatBytes(first.bytes), first.response);
      else if (way === "clear")
        return Response.json(
          { choices: [] },
          {
            headers: response.headers.get("x") ? {} : { "x-provider-id": response.headers.get("x-provider-id") ?? "" },
          },
        );
      else
        return new Response(
          concatBytes(...recordsIn(bytes).slice(0, -1), ...recordsIn(first.bytes).slice(-1)),
          response,
        );
      return new Response(bytes, response);
    };
    expect((await world.ask(client)).verification.outcome).toBe("verified");
    for (way of ["answer", "receipt", "clear"] as const)
      for (const stream of [false, true]) {
        const { verification, text } = await world.ask(client, { said: { stream } });
        expect([way, verification.outcome]).toEqual([way, "refused"]);
        expect(text).not.toContain("[DONE]");
      }
  });

  it("by a machine to which it was not sealed", async () => {
    await using world = await World.open();
    world.meddle = async (path, answer) => {
      const response = await answer();
      if (!isAnswer(path)) return response;
      const headers = new Headers(response.headers);
      headers.set("x-provider-id", "prov_other");
      return new Response(response.body, { headers });
    };
    const { verification } = await world.ask(sealed(world));
    expect(verification).toMatchObject({ outcome: "refused", error: { code: "machine_unverified" } });
  });
});

/** Goal: a coordinator that refuses gains nothing by it. Method: one that answers 409 with what it likes, and whom each envelope names. */
describe("a coordinator that answers 409", () => {
  async function refusing(world: World, times: number, show: (honest: Attestations) => Attestations) {
    const named: string[][] = [];
    let left = times;
    world.meddle = async (path, answer, init) => {
      if (!isAnswer(path)) return answer();
      named.push(headerIn(init).candidates.map(({ provider_id }) => provider_id));
      if (left-- <= 0) return answer();
      const list = await fetch(`${world.baseURL}/v1/providers/attestation?model=scripted`);
      const sealing = show((await list.json()) as Attestations);
      return Response.json({ error: { code: "no_candidate" }, sealing }, { status: 409 });
    };
    return named;
  }

  it("is asked once more, with fresh machines of the same policy", async () => {
    await using world = await World.open();
    const named = await refusing(world, 1, (honest) => honest);
    expect((await world.ask(sealed(world))).verification.outcome).toBe("verified");
    expect(named).toHaveLength(2);
  });

  it("is not asked for ever", async () => {
    await using world = await World.open();
    const named = await refusing(world, 100, (honest) => honest);
    const { verification, response } = await world.ask(sealed(world));
    expect([verification.error?.code, response.headers.get("x-should-retry"), named.length]).toEqual([
      "no_candidate",
      "false",
      2,
    ]);
    expect(verification.error?.message).toContain("could serve, 2 times");
  });

  it("gains nothing by leaving only its own machines", async () => {
    await using world = await World.open();
    const [good] = world.net.fleet.machines();
    const own = world.net.provider(() => ({ pieces: ["mine"] }));
    await world.net.clock.advance(2_000);
    const onlyOwn = (honest: Attestations): Attestations => ({
      ...honest,
      providers: honest.providers.filter((one: Attestation) => one.provider_serial === own.serial),
    });
    const named = await refusing(world, 100, onlyOwn);
    const { verification } = await world.ask(sealed(world, { pins: [good?.serial ?? ""] }));
    expect(verification.error?.code).toBe("policy_unmet");
    expect(named).toEqual([[good?.providerId]]);
  });

  it("gains nothing by offering other weights", async () => {
    await using world = await World.open();
    const named = await refusing(world, 100, (honest) => ({
      ...honest,
      ...(honest.model && { model: { ...honest.model, build: "lesser" } }),
    }));
    const { verification } = await world.ask(sealed(world));
    expect([verification.error?.code, named.length]).toEqual(["no_candidate", 1]);
    expect(verification.error?.message).toContain("others have other weights");
  });

  it("is believed where it says something else, such as a key that is in use", async () => {
    await using world = await World.open();
    world.meddle = async (path, answer) =>
      isAnswer(path) ? Response.json({ error: { code: "idempotency_conflict" } }, { status: 409 }) : answer();
    const { verification, response } = await world.ask(sealed(world));
    expect([response.status, verification.outcome]).toEqual([409, "failed"]);
  });
});

it("leaves a program's own words to the machine alone, padded to steps", async () => {
  await using world = await World.open();
  const lengths = new Set<number>();
  world.meddle = (path, answer, init) => {
    if (isAnswer(path)) lengths.add(readEnvelope(bytesOf(init))?.body.length ?? 0);
    return answer();
  };
  for (const word of ["a", "ab", "abc"])
    await world.ask(sealed(world), { said: { messages: [{ role: "user", content: word }] } });
  expect([...lengths].map((length) => (length - 16) % 256)).toEqual([0]);
});

/** Goal: a program's own level counts where it is higher than the policy's. Method: a network without any machine at it. */
it("sends nothing where the program asks for a higher level than there is", async () => {
  await using world = await World.open();
  const headers = { "x-darkbloom-min-trust": "hardware" };
  const { verification } = await world.ask(sealed(world), { headers });
  expect([verification.error?.code, world.asked]).toEqual(["policy_unmet", 0]);
});

/** Goal: the same request can be sent again, though it is sealed anew. Method: twice under one key, by which a coordinator compares bodies. */
it("seals a request again that has an idempotency key", async () => {
  await using world = await World.open();
  const client = sealed(world);
  for (const _ of [1, 2])
    expect((await world.ask(client, { headers: { "idempotency-key": "mine" } })).verification.outcome).toBe("verified");
});
