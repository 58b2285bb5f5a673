import { CHALLENGE_AGE_MAX_MS, HPKE_KEY_LIFE_MS } from "@darkbloom/protocol/limits";
import { webCrypto } from "@darkbloom/protocol/web";
import { expect, it } from "vitest";
import { sampleBlob, sampleOffer, hpkeKey, startMs, timeAt } from "../../protocol/test/samples.ts";
import { answeredMs, publishedMachine } from "../test/samples.ts";
import { isAllowed, judge, type Refusal } from "./machine.ts";
import { rulesOf, type AnyPolicy } from "./policy.ts";

const policyOf = (policy: AnyPolicy) =>
  rulesOf(webCrypto, { minTrust: "self_signed", ...policy }, ["none", "self_signed", "hardware"]);
const [model] = sampleOffer.models;
const { serial } = sampleBlob();
const endMs = answeredMs + CHALLENGE_AGE_MAX_MS;
const without = async (part: "challenge") => {
  const machine = await publishedMachine();
  const { [part]: _, ...evidence } = machine.evidence;
  return { ...machine, evidence };
};

/** Goal: nothing is sent to a machine that is not as the policy wants it. Method: one thing each, at the border of its time where it has one. */
it.each<
  [
    what: string,
    refusal: Refusal | undefined,
    machine: () => ReturnType<typeof publishedMachine>,
    policy?: AnyPolicy,
    now?: number,
  ]
>([
  ["a good one", undefined, publishedMachine],
  [
    "one that is as the policy names it",
    undefined,
    publishedMachine,
    { pins: [serial], builds: [{ build: "tiny-q8" }] },
  ],
  ["one of a lower level", "below_level", publishedMachine, { minTrust: "hardware" }],
  ["one that is not pinned", "not_pinned", publishedMachine, { pins: ["SW-OTHER"] }],
  [
    "one under a pseudonym that its coordinator hides",
    undefined,
    () => publishedMachine({ blob: { serial: "PS-0123456789AB" }, told: { provider_serial: null } }),
    { pins: ["PS-0123456789AB"] },
  ],
  ["one without the build", "other_build", publishedMachine, { builds: [{ build: "other" }] }],
  ["one without any model", "other_build", () => publishedMachine({ offer: { models: [] } })],
  [
    "one with a second model that is asked for",
    undefined,
    () =>
      publishedMachine({
        offer: {
          models: [
            { ...model, build: "big", weights_sha256: "1".repeat(64), context_tokens: 1 },
            ...sampleOffer.models,
          ],
        },
      }),
    { builds: [{ build: "tiny-q8" }] },
  ],
  [
    "one whose blob is none",
    "evidence_false",
    async () => {
      const machine = await publishedMachine();
      return { ...machine, evidence: { ...machine.evidence, blob: "QUJD" } };
    },
  ],
  [
    "one whose blob is none, though nothing is asked for",
    "evidence_false",
    async () => {
      const machine = await publishedMachine();
      return { ...machine, evidence: { ...machine.evidence, blob: "QUJD" } };
    },
    { minTrust: "none" },
  ],
  [
    "one whose blob was never signed",
    "evidence_false",
    async () => {
      const machine = await publishedMachine();
      return { ...machine, evidence: { ...machine.evidence, signature: "QUJD" } };
    },
  ],
  [
    "one whose offer was never signed",
    "evidence_false",
    async () => {
      const machine = await publishedMachine();
      return { ...machine, evidence: { ...machine.evidence, offer_signature: "QUJD" } };
    },
  ],
  ["one without a challenge", "evidence_stale", async () => ({ ...(await without("challenge")), trust_level: "none" })],
  [
    "one without a challenge, where nothing is asked for",
    undefined,
    async () => ({ ...(await without("challenge")), trust_level: "none" }),
    { minTrust: "none" },
  ],
  ["one that is said to show less than it does", undefined, () => publishedMachine({ told: { trust_level: "none" } })],
  [
    "one that is said to show more than it does",
    "evidence_false",
    () => publishedMachine({ told: { trust_level: "hardware" } }),
  ],
  [
    "one that is said to have another name",
    "evidence_false",
    () => publishedMachine({ told: { provider_serial: "SW-OTHER" } }),
  ],
  ["one just before its evidence ends", undefined, publishedMachine, {}, endMs - 1],
  ["one whose evidence ends now", "evidence_stale", publishedMachine, {}, endMs],
  [
    "one whose challenge is long past",
    "evidence_stale",
    () => publishedMachine({ told: { trust_level: "none" } }),
    {},
    endMs + 3_600_000,
  ],
  [
    "one whose challenge is long past, though its coordinator says that it is at its level",
    "evidence_false",
    publishedMachine,
    {},
    endMs + 3_600_000,
  ],
  [
    "one whose challenge is yet to come",
    "evidence_stale",
    () => publishedMachine({ told: { trust_level: "none" } }),
    {},
    answeredMs - 3_600_000,
  ],
  [
    "one whose challenge is long past, where nothing is asked for",
    undefined,
    publishedMachine,
    { minTrust: "none" },
    endMs + 3_600_000,
  ],
  [
    "one whose challenge is long past and whose offer was never signed",
    "evidence_false",
    async () => {
      const machine = await publishedMachine();
      return { ...machine, evidence: { ...machine.evidence, offer_signature: "QUJD" } };
    },
    {},
    endMs + 3_600_000,
  ],
])("judges %s: %s", async (_, refusal, machine, policy = {}, now = answeredMs + 1_000) => {
  expect((await judge(webCrypto, await machine(), policyOf(policy), now)).refusal).toBe(refusal);
});

/** Goal: evidence lasts as long as the first of its parts. Method: a challenge, and one or two keys, that end at other times. */
it.each<[what: string, keys: number[], expected: number]>([
  ["its challenge", [HPKE_KEY_LIFE_MS], endMs],
  ["its key", [1_000_000], startMs + 1_000_000],
  ["the first of its keys", [1_000_000, 900_000], startMs + 900_000],
  ["the first of its keys, in whichever order", [900_000, 1_000_000], startMs + 900_000],
])("lets evidence end with %s", async (_, lives, expected) => {
  const [key] = sampleBlob(hpkeKey()).hpke_keys;
  const hpke_keys = lives.flatMap((life) => (key ? [{ ...key, expires_at: timeAt(startMs + life) }] : []));
  const machine = await publishedMachine({ blob: { hpke_keys } });
  expect((await judge(webCrypto, machine, policyOf({}), answeredMs)).expiresAt).toBe(expected);
  expect((await judge(webCrypto, machine, policyOf({ minTrust: "none" }), answeredMs)).expiresAt).toBe(Infinity);
});

it("takes evidence without a challenge for ended", async () => {
  expect((await judge(webCrypto, await without("challenge"), policyOf({}), answeredMs)).expiresAt).toBe(0);
});

it.each<[builds: Parameters<typeof isAllowed>[0], allowed: boolean]>([
  [undefined, true],
  [[], false],
  [[{ build: "a" }], true],
  [[{ build: "b" }], false],
  [[{ weightsSha256: "1" }], true],
  [[{ weightsSha256: "2" }], false],
  [[{ build: "a", weightsSha256: "1" }], true],
  [[{ build: "a", weightsSha256: "2" }], false],
  [[{ build: "b", weightsSha256: "1" }], false],
  [[{ build: "b" }, { build: "a" }], true],
])("of the builds %j it allows one: %s", (builds, allowed) => {
  expect(isAllowed(builds, { build: "a", weights_sha256: "1" })).toBe(allowed);
});
