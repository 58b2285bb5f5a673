import { fromUtf8, toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { TrustLevel } from "@darkbloom/protocol/evidence";
import { webCrypto } from "@darkbloom/protocol/web";
import { expect, it } from "vitest";
import type { Ask } from "./asked.ts";
import { minTrustOf, ownPins, transparentRequest } from "./asking.ts";
import { platform } from "./platform.ts";
import { rulesOf, type AnyPolicy } from "./policy.ts";

const ports = { ...platform(), random: { bytes: (length: number) => new Uint8Array(length).fill(0xab) } };
const rulesWith = (policy: AnyPolicy) => rulesOf(webCrypto, policy, ["none", "self_signed", "hardware"]);

function askOf(said: object = {}, headers: Record<string, string> = {}): Ask {
  const whole = { model: "tiny", ...said };
  return {
    endpoint: "/v1/chat/completions",
    url: new URL("http://h/v1/chat/completions"),
    headers: new Headers(headers),
    body: utf8(` ${JSON.stringify(whole)} `),
    said: whole,
    model: "tiny",
    stream: false,
    signal: undefined,
  };
}

it.each<[policy: TrustLevel, own: string | undefined, counts: TrustLevel]>([
  ["self_signed", undefined, "self_signed"],
  ["self_signed", "hardware", "hardware"],
  ["self_signed", "none", "self_signed"],
  ["self_signed", "chip", "self_signed"],
  ["hardware", "self_signed", "hardware"],
  ["hardware", "hardware", "hardware"],
  ["none", "self_signed", "self_signed"],
  ["none", undefined, "none"],
])("of a policy's level %s and a program's own %s counts %s", (minTrust, own, counts) => {
  const ask = askOf({}, own === undefined ? {} : { "x-darkbloom-min-trust": own });
  expect(minTrustOf(rulesWith({ minTrust }), ask)).toBe(counts);
  const { headers } = transparentRequest(ports, rulesWith({ minTrust }), ask);
  expect(headers.get("x-darkbloom-min-trust")).toBe(counts === "none" ? null : counts);
  expect(ask.headers.get("x-darkbloom-min-trust")).toBe(own ?? null);
});

it("has a nonce of its own, unless the program brings one", () => {
  const rules = rulesWith({});
  expect(transparentRequest(ports, rules, askOf())).toMatchObject({ nonce: "ab".repeat(16) });
  const mine = transparentRequest(ports, rules, askOf({}, { "x-darkbloom-nonce": "mine" }));
  expect([mine.nonce, mine.headers.get("x-darkbloom-nonce")]).toEqual(["mine", "mine"]);
});

/** Goal: the policy's machines are asked, and the body is otherwise as it was. Method: bodies with names of their own, without any, and with what is no name. */
it.each<[what: string, said: object, policy: AnyPolicy, serials: unknown]>([
  ["no pins at all", {}, {}, undefined],
  ["the policy's pins", {}, { pins: ["A", "B"] }, ["A", "B"]],
  ["its own pins among them", { provider_serials: ["B"] }, { pins: ["A", "B"] }, ["B"]],
  ["its own pins alone", { provider_serials: ["C"] }, {}, ["C"]],
  ["a list of none", { provider_serials: [] }, { pins: ["A"] }, ["A"]],
  ["what is no name", { provider_serials: [1, null], provider_serial: null }, { pins: ["A"] }, ["A"]],
  ["a name in the singular", { provider_serial: "A" }, { pins: ["A"] }, undefined],
])("sends a body with %s", (_, said, policy, serials) => {
  const ask = askOf(said);
  const sent = transparentRequest(ports, rulesWith(policy), ask);
  expect(JSON.parse(fromUtf8(sent.body))).toEqual({
    ...ask.said,
    ...(serials !== undefined && { provider_serials: serials }),
  });
  expect(sent.requestSha256).toBe(toHex(webCrypto.sha256(sent.body)));
});

it.each<[said: object, pins: string[] | undefined, own: string[] | undefined]>([
  [{}, ["A"], undefined],
  [{ provider_serial: "A" }, ["A"], ["A"]],
  [{ provider_serial: "A", provider_serials: ["B"] }, ["A", "B"], ["A", "B"]],
  [{ provider_serial: "C" }, undefined, ["C"]],
])("reads the names in %j under the pins %j", (said, pins, own) => {
  expect(ownPins(askOf(said), rulesWith(pins ? { pins } : {}))).toEqual(own);
});

it.each([[{ provider_serial: "C" }], [{ provider_serials: ["A", "C"] }]])(
  "refuses %j, which the policy does not name",
  (said) => {
    expect(() => ownPins(askOf(said), rulesWith({ pins: ["A"] }))).toThrow(
      expect.objectContaining({ code: "policy_contradicted" }) as Error,
    );
  },
);
