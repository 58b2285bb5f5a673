import { utf8 } from "@darkbloom/protocol/bytes";
import type { Endpoint } from "@darkbloom/protocol/endpoints";
import type { TrustLevel } from "@darkbloom/protocol/evidence";
import { CANDIDATES_MAX, CHOICES_MAX, MAX_TOKENS_DEFAULT } from "@darkbloom/protocol/limits";
import { readEnvelope } from "@darkbloom/protocol/sealing";
import { webCrypto, webHpke } from "@darkbloom/protocol/web";
import type { RegistrationBlob, Suite } from "@darkbloom/protocol/wire";
import { expect, it } from "vitest";
import { sampleBlob, sampleOffer, timeAt } from "../../protocol/test/samples.ts";
import { answeredMs, publishedMachine } from "../test/samples.ts";
import type { Ask } from "./asked.ts";
import type { Machine } from "./machine.ts";
import type { Acceptable } from "./machine-list.ts";
import { platform } from "./platform.ts";
import { rulesOf, type AnyPolicy } from "./policy.ts";
import { sealedRequest } from "./sealed-request.ts";

const best: Suite = "x-wing/hkdf-sha256/aes-256-gcm";
const lesser: Suite = "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm";
const attestation = await publishedMachine();
const keyOf = (suite: Suite): RegistrationBlob["hpke_keys"][number] => {
  const { id, publicKey } = webHpke.generateKey(suite, 0);
  return { id, suite, public_key: Buffer.from(publicKey).toString("base64"), expires_at: timeAt(answeredMs) };
};
const keys = { [best]: keyOf(best), [lesser]: keyOf(lesser) };

const machineOf = (
  provider_id: string,
  suites: readonly Suite[] = [lesser],
  level: TrustLevel = "self_signed",
): Machine => ({
  attestation: { ...attestation, provider_id },
  verdict: { level, checks: [], at: timeAt(answeredMs) },
  blob: { ...sampleBlob(), hpke_keys: suites.map((suite) => keys[suite]) },
  models: sampleOffer.models,
  expiresAt: Infinity,
  refusal: undefined,
});
const model = {
  id: "tiny",
  build: "tiny-q8",
  weights_sha256: "1".repeat(64),
  context_length: 9,
  max_output_length: 1_000_000,
};
const ports = platform();

interface Row {
  readonly said?: object;
  readonly headers?: Record<string, string>;
  readonly endpoint?: Endpoint;
  readonly policy?: AnyPolicy;
  readonly machines?: readonly Machine[];
  readonly model?: Partial<typeof model> | "none";
}

function sealed({
  said = {},
  headers = {},
  endpoint = "/v1/chat/completions",
  policy = {},
  machines,
  model: more,
}: Row) {
  const whole: Readonly<Record<string, unknown>> = { model: "tiny", ...said };
  const ask: Ask = {
    endpoint,
    url: new URL(`http://h/net${endpoint}?more=1`),
    headers: new Headers(headers),
    body: utf8(JSON.stringify(whole)),
    said: whole,
    model: String(whole["model"]),
    stream: whole["stream"] === true,
    signal: undefined,
  };
  const acceptable: Acceptable = {
    machines: machines ?? [machineOf("a")],
    model: more === "none" ? undefined : { ...model, ...more },
  };
  const rules = rulesOf(webCrypto, { minTrust: "self_signed", ...policy });
  return sealedRequest(ports, rules, ask, acceptable);
}

it.each<[what: string, row: Row, code: string]>([
  ["a coordinator that takes nothing sealed", { model: "none" }, "mode_unavailable"],
  ["machines below the program's own level", { headers: { "x-darkbloom-min-trust": "hardware" } }, "policy_unmet"],
  ["no machine", { machines: [] }, "policy_unmet"],
  ["names beside the policy's", { policy: { pins: ["A"] }, said: { provider_serial: "B" } }, "policy_contradicted"],
])("seals nothing for %s", (_, row, code) => {
  expect(() => sealed(row)).toThrow(expect.objectContaining({ code }) as Error);
});

/** Goal: the best suite is used that any has, and by those alone who have it. Method: machines of either kind. */
it.each<[what: string, machines: Machine[], suite: Suite, named: string[]]>([
  ["of the lesser", [machineOf("a"), machineOf("b")], lesser, ["a", "b"]],
  ["of both", [machineOf("a"), machineOf("b", [lesser, best]), machineOf("c", [best])], best, ["b", "c"]],
  ["more than may be named", Array.from("abcdefg", (id) => machineOf(id)), lesser, ["a", "b", "c", "d"]],
])("seals to machines %s", (_, machines, suite, named) => {
  const { header, candidates, body } = sealed({ machines });
  expect(header.suite).toBe(suite);
  expect(header.candidates.map(({ provider_id }) => provider_id)).toEqual(named);
  expect(candidates.map(({ machine, keyId }) => [machine.attestation.provider_id, keyId])).toEqual(
    named.map((id) => [id, keys[suite].id]),
  );
  expect(named.length).toBeLessThanOrEqual(CANDIDATES_MAX);
  expect(readEnvelope(body)?.hdr).toBe(JSON.stringify(header));
});

it("seals to none below the program's own level", () => {
  const machines = [machineOf("a"), machineOf("b", [lesser], "hardware")];
  const { header } = sealed({ machines, headers: { "x-darkbloom-min-trust": "hardware" } });
  expect([header.min_trust, header.candidates.map(({ provider_id }) => provider_id)]).toEqual(["hardware", ["b"]]);
});

/** Goal: a body of the other dialect's shape goes where it is understood. Method: each shape at each path, and null for what is not there. */
it.each<[endpoint: Endpoint, said: object, to: Endpoint]>([
  ["/v1/chat/completions", { messages: [] }, "/v1/chat/completions"],
  ["/v1/chat/completions", { input: "x" }, "/v1/responses"],
  ["/v1/chat/completions", { input: "x", messages: null }, "/v1/responses"],
  ["/v1/chat/completions", { input: "x", messages: [] }, "/v1/chat/completions"],
  ["/v1/chat/completions", {}, "/v1/chat/completions"],
  ["/v1/responses", { input: "x" }, "/v1/responses"],
  ["/v1/responses", { messages: [] }, "/v1/chat/completions"],
  ["/v1/responses", { messages: [], input: null }, "/v1/chat/completions"],
  ["/v1/responses", { messages: [], input: "x" }, "/v1/responses"],
  ["/v1/responses", {}, "/v1/responses"],
  ["/v1/messages", { messages: [] }, "/v1/messages"],
  ["/v1/embeddings", { input: "x" }, "/v1/embeddings"],
  ["/v1/messages", { input: "x" }, "/v1/messages"],
  ["/v1/embeddings", { messages: [] }, "/v1/embeddings"],
])("sends to %s what says %j, as %s", (endpoint, said, to) => {
  const { header, url } = sealed({ endpoint, said });
  expect([header.endpoint, url.href]).toEqual([to, `http://h/net${to}?more=1`]);
});

/** Goal: money is held for all that may be written. Method: bounds in each dialect's words, and what is none. */
it.each<[said: object, tokens: number, more?: Row]>([
  [{}, MAX_TOKENS_DEFAULT],
  [{}, 10, { model: { max_output_length: 10 } }],
  [{ max_tokens: 7 }, 7],
  [{ max_tokens: 7, max_completion_tokens: 9, max_output_tokens: 8 }, 9],
  [{ max_tokens: 7 }, 5, { model: { max_output_length: 5 } }],
  [{ max_tokens: "9" }, MAX_TOKENS_DEFAULT],
  [{ max_tokens: 0 }, MAX_TOKENS_DEFAULT],
  [{ max_tokens: -1 }, MAX_TOKENS_DEFAULT],
  [{ max_tokens: 1.5 }, MAX_TOKENS_DEFAULT],
  [{ max_tokens: 1 }, 1],
  [{ max_tokens: 7, n: 3 }, 21],
  [{ max_tokens: 7, n: 0 }, 7],
  [{ max_tokens: 7, prompt: ["a", "b"] }, 14],
  [{ max_tokens: 7, prompt: ["a", "b"], n: 2 }, 28],
  [{ max_tokens: 7, prompt: [1, 2] }, 7],
  [{ max_tokens: 7, prompt: [[1, 2], [3]] }, 14],
  [{ max_tokens: 7, prompt: "ab" }, 7],
  [{ max_tokens: 7, prompt: [] }, 1],
  [{ max_tokens: 7, n: 1_000 }, 7 * CHOICES_MAX, { model: { max_output_length: 7 } }],
  [{}, 1, { model: { max_output_length: 0 } }],
  [{ max_tokens: 7 }, 1, { endpoint: "/v1/embeddings" }],
  [{ max_tokens: 7 }, 1, { endpoint: "/v1/messages/count_tokens" }],
])("of %j tells a bound of %i", (said, tokens, more = {}) => {
  expect(sealed({ ...more, said }).header.max_tokens).toBe(tokens);
});

it.each<[said: object, terms: object, policy?: AnyPolicy]>([
  [{}, { model: "tiny", build: "tiny-q8", stream: false, features: [], pins: [], min_trust: "self_signed" }],
  [{ stream: true }, { stream: true }],
  [{ model: "alias" }, { model: "tiny", asked_model: "alias" }],
  [{ tools: [{}] }, { features: ["tools"] }],
  [{ tools: [] }, { features: [] }],
  [{ tools: "x" }, { features: [] }],
  [{}, { pins: ["A", "B"] }, { pins: ["A", "B"] }],
  [{ provider_serial: "B" }, { pins: ["B"] }, { pins: ["A", "B"] }],
])("of %j says in the clear %j", (said, terms, policy = {}) => {
  const { header } = sealed({ said, policy });
  expect(header).toMatchObject(terms);
  expect("asked_model" in header).toBe("asked_model" in terms);
});

it("says in the clear fields alone what they say, and what is sealed anew has no key of its own", () => {
  const headers = {
    "x-darkbloom-nonce": "mine",
    "x-darkbloom-min-trust": "self_signed",
    "idempotency-key": "k",
    "x-a": "b",
  };
  const sent = sealed({ headers });
  expect(Object.fromEntries(sent.headers)).toEqual({ "x-a": "b", "content-type": "application/vnd.darkbloom.sealed" });
  expect([sent.nonce, sent.header.nonce]).toEqual(["mine", "mine"]);
});
