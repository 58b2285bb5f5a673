import type { Attestation, Attestations } from "@darkbloom/protocol/evidence";
import { CHALLENGE_AGE_MAX_MS } from "@darkbloom/protocol/limits";
import { expect, it } from "vitest";
import { sampleOffer, startMs } from "../../protocol/test/samples.ts";
import { answeredMs, publishedMachine } from "../test/samples.ts";
import { LIST_AGE_MS_MAX, LOG_DELAY_MS, REFRESH_AHEAD_MS, REFRESH_EVERY_MS } from "./limits.ts";
import type { LogWatch } from "./log-watch.ts";
import { MachineList } from "./machine-list.ts";
import { platform } from "./platform.ts";
import { rulesOf, type AnyPolicy } from "./policy.ts";
import type { DarkbloomError } from "./errors.ts";

const good = await publishedMachine();
const none = { ...good, trust_level: "none" } as const;
const endMs = answeredMs + CHALLENGE_AGE_MAX_MS;
const { challenge: _, ...unchallenged } = good.evidence;
const isNew: Attestation = { ...none, evidence: unchallenged };
const liar: Attestation = { ...good, chip_name: "another" };
const [offered] = sampleOffer.models;
const model = {
  id: "tiny",
  build: "tiny-q8",
  weights_sha256: offered?.weights_sha256 ?? "",
  context_length: 1,
  max_output_length: 1,
};

/** A list whose coordinator shows what it is told to, at a time that is told too. */
function listOf(policy: AnyPolicy = {}, place?: LogWatch["place"]) {
  const shown: { now: number; next: Attestations; asked: number; secondsAhead: number } = {
    now: answeredMs,
    secondsAhead: 0,
    next: { providers: [good] },
    asked: 0,
  };
  const ports = { ...platform(() => Promise.reject(new Error("nobody is asked"))), now: () => shown.now };
  const log = place && ({ place } as Pick<LogWatch, "place"> as LogWatch);
  const rules = rulesOf(ports.crypto, { minTrust: "self_signed", ...policy }, ["none", "self_signed", "hardware"]);
  const ask = async (): Promise<Attestations> => {
    shown.asked++;
    return shown.next;
  };
  return { shown, list: new MachineList({ ports, rules, log, ask, secondsAhead: () => shown.secondsAhead }) };
}

const codeOf = (asking: Promise<unknown>): Promise<Pick<DarkbloomError, "code" | "message"> | undefined> =>
  asking.then(
    () => undefined,
    (error: DarkbloomError) => error,
  );

/** Goal: who is refused is told why, by what it takes the most to mend. Method: machines of several kinds at once. */
it.each<[what: string, providers: Attestation[], policy: AnyPolicy, code: string, words: string[]]>([
  ["nobody", [], {}, "no_machine", ["No machine is connected"]],
  ["a new one", [isNew], {}, "evidence_stale", ["of 1, 1 answered no challenge lately"]],
  [
    "two new ones and a liar",
    [isNew, liar, { ...isNew }],
    {},
    "evidence_stale",
    ["of 3, 2 answered", "1 showed what is not so"],
  ],
  ["a liar", [liar], {}, "evidence_false", ["showed what is not so"]],
  [
    "one below the level",
    [good],
    { minTrust: "hardware" },
    "policy_unmet",
    ["below the policy's minTrust", "needs the makers"],
  ],
  ["one that is not pinned", [good, liar], { pins: ["SW-OTHER"] }, "policy_unmet", ["is not one of the pinned"]],
])("says why of %s", async (_what, providers, policy, code, words) => {
  const { shown, list } = listOf(policy);
  shown.next = { providers };
  const error = await codeOf(list.acceptable(1));
  expect(error?.code).toBe(code);
  for (const word of words) expect(error?.message).toContain(word);
  expect(error?.message.includes("needs the makers")).toBe(policy.minTrust === "hardware");
});

const clockWords = /Your clock differs from the coordinator's by (\d+) s: it is (ahead|behind)/;

/** Goal: whose clock is off hears that, and not that somebody lies; and a lie stays one whatever time the coordinator says it has. Method: a good machine and a liar, by clocks that are off by minutes and days, and coordinators that say what their time is, nothing of it, or another. */
it.each<[what: string, shown: Attestation, offSec: number, toldSec: number, code: string, differs: string[]]>([
  ["a day behind", good, -86_400, -86_400, "evidence_stale", ["86400", "behind"]],
  ["a day ahead", good, 86_400, 86_400, "evidence_stale", ["86400", "ahead"]],
  ["an hour behind", good, -3_600, -3_600, "evidence_stale", ["3600", "behind"]],
  ["a day behind, and nobody says so", good, -86_400, 0, "evidence_false", []],
  ["a day behind, by two minutes' word", good, -86_400, -120, "evidence_false", []],
  ["a day behind, by another word", good, -86_400, 86_400, "evidence_false", []],
  ["right, of a liar", liar, 0, 0, "evidence_false", []],
  ["right, of a liar whose coordinator has another", liar, 0, 86_400, "evidence_false", []],
  ["a day behind, of a liar", liar, -86_400, -86_400, "evidence_false", []],
])("tells who has a clock that is %s", async (_what, machine, offSec, toldSec, code, differs) => {
  const { shown, list } = listOf();
  shown.now += offSec * 1000;
  shown.secondsAhead = toldSec;
  shown.next = { providers: [machine] };
  const error = await codeOf(list.acceptable(1));
  expect(error?.code).toBe(code);
  expect([...(clockWords.exec(error?.message ?? "") ?? [])].slice(1)).toEqual(differs);
});

/** Goal: nothing is sealed to a machine that has not signed for the very weights. Method: the model as its coordinator has it, with one thing otherwise. */
it.each<[what: string, told: Attestations["model"], code: string | undefined]>([
  ["no model", undefined, undefined],
  ["its own", model, undefined],
  ["another build", { ...model, build: "big" }, "policy_unmet"],
  ["other weights", { ...model, weights_sha256: "1".repeat(64) }, "policy_unmet"],
])("takes a machine for %s: refused with %s", async (_what, told, code) => {
  const { shown, list } = listOf();
  shown.next = { providers: [good], ...(told && { model: told }) };
  expect((await codeOf(list.acceptable(1)))?.code).toBe(code);
});

it("takes so many in their coordinator's order and no more, of what is shown in its place too", async () => {
  const { shown, list } = listOf();
  const providers = [
    isNew,
    { ...good, provider_id: "a" },
    liar,
    { ...good, provider_id: "b" },
    { ...good, provider_id: "c" },
  ];
  const ids = async (asking: ReturnType<MachineList["acceptable"]>) =>
    (await asking).machines.map(({ attestation }) => attestation.provider_id);
  shown.next = { providers, model };
  expect(await ids(list.acceptable(2))).toEqual(["a", "b"]);
  expect(await ids(list.acceptable(9))).toEqual(["a", "b", "c"]);
  expect((await list.acceptable(1)).model).toEqual(model);
  expect(await ids(list.among({ providers: providers.slice(3) }, 9))).toEqual(["b", "c"]);
  expect((await codeOf(list.among({ providers: [liar] }, 9)))?.code).toBe("evidence_false");
});

/** Goal: a list is read anew ahead of its end, and no more often than that. Method: the times around each border. */
it.each<[what: string, atMs: readonly number[], asked: readonly number[]]>([
  ["it is young", [answeredMs, answeredMs + 1], [1, 1]],
  ["its evidence is not near its end", [endMs - REFRESH_AHEAD_MS - REFRESH_EVERY_MS, endMs - REFRESH_AHEAD_MS], [1, 1]],
  [
    "its evidence is near its end",
    [endMs - REFRESH_AHEAD_MS - REFRESH_EVERY_MS + 1, endMs - REFRESH_AHEAD_MS, endMs - REFRESH_AHEAD_MS + 1],
    [1, 1, 2],
  ],
  ["it was asked for a moment ago", [endMs - 10_000, endMs - 9_000], [1, 1]],
  ["it was asked for as long ago as is enough", [endMs - REFRESH_EVERY_MS - 1, endMs - 1], [1, 2]],
  ["it was asked for almost as long ago as is enough", [endMs - REFRESH_EVERY_MS, endMs - 1], [1, 1]],
  ["its evidence has just ended", [endMs - 1, endMs], [1, 2]],
])("asks where %s", async (_what, times, expected) => {
  const { shown, list } = listOf();
  const asked: number[] = [];
  for (const now of times) {
    shown.now = now;
    await codeOf(list.acceptable(1));
    asked.push(shown.asked);
  }
  expect(asked).toEqual(expected);
});

it("reads anew a list that has grown old, though its evidence lasts", async () => {
  const { shown, list } = listOf({ minTrust: "none" });
  await list.acceptable(1);
  shown.now += LIST_AGE_MS_MAX;
  await list.acceptable(1);
  expect(shown.asked).toBe(1);
  shown.now++;
  await list.acceptable(1);
  expect(shown.asked).toBe(2);
});

it("reads one list for all who wait for it", async () => {
  const { shown, list } = listOf();
  await Promise.all([list.acceptable(1), list.acceptable(1)]);
  expect(shown.asked).toBe(1);
  expect(await list.acceptable(1)).toMatchObject({ machines: [{ attestation: good }] });
});

/** Goal: an answer may name what the list before had, and one that joined since. Method: lists of one machine each, of another name every time. */
it("finds the machine that a receipt names", async () => {
  const { shown, list } = listOf();
  const named = (at: number): Attestation => ({ ...good, evidence_sha256: String(at).repeat(64) });
  const find = async (at: number) => (await list.named(String(at).repeat(64)))?.attestation.evidence_sha256[0];
  shown.next = { providers: [named(1)] };
  expect([await find(1), shown.asked]).toEqual(["1", 1]);
  shown.next = { providers: [good, named(2)] };
  expect([await find(2), shown.asked]).toEqual(["2", 2]);
  expect([await find(1), shown.asked]).toEqual(["1", 2]);
  expect([await find(3), shown.asked]).toEqual([undefined, 3]);
  expect([await find(1), shown.asked]).toEqual([undefined, 4]);
});

/** Goal: evidence is judged once, and the log asked again where it may hold a machine later. Method: how often the log is asked. */
it("asks the log for what it lacked, and judges nothing else twice", async () => {
  const at = { origin: "log.example", index: 1, size: 2, witnessedBy: [] };
  let places: (typeof at | undefined)[] = [];
  let asked = 0;
  const { shown, list } = listOf({ log: {} }, async () => {
    asked++;
    return places.shift();
  });
  shown.now = startMs + LOG_DELAY_MS - 1;
  places = [undefined, undefined, at];
  shown.next = { providers: [isNew] };
  expect([(await codeOf(list.acceptable(1)))?.code, asked]).toEqual(["evidence_stale", 0]);
  shown.now = answeredMs;
  shown.next = { providers: [good] };
  expect([(await codeOf(list.acceptable(1)))?.code, asked]).toEqual(["log_missing", 1]);
  expect([(await codeOf(list.acceptable(1)))?.code, asked]).toEqual([undefined, 3]);
  expect((await list.acceptable(1)).machines).toMatchObject([{ logged: at }]);
  expect(asked).toBe(3);
});

it.each([
  [LOG_DELAY_MS - 1, "no_machine"],
  [LOG_DELAY_MS, "log_missing"],
])("gives a machine time to come into the log: after %i ms it is %s", async (afterMs, code) => {
  const { shown, list } = listOf({ log: {}, minTrust: "none" }, async () => undefined);
  shown.now = startMs + afterMs;
  expect((await codeOf(list.acceptable(1)))?.code).toBe(code);
});

it("asks the log again that did not answer", async () => {
  let asked = 0;
  const { list } = listOf({ log: {} }, async () => {
    if (asked++ === 0) throw new RangeError("no answer");
    return { origin: "log.example", index: 1, size: 2, witnessedBy: [] };
  });
  await expect(list.acceptable(1)).rejects.toThrow("no answer");
  expect((await list.acceptable(1)).machines).toHaveLength(1);
});

it("is not asked for a machine that is refused anyway", async () => {
  let asked = 0;
  const { list } = listOf({ log: {}, pins: ["SW-OTHER"] }, async () => {
    asked++;
    return undefined;
  });
  expect((await codeOf(list.acceptable(1)))?.code).toBe("policy_unmet");
  expect(asked).toBe(0);
});
