import type { TrustLevel } from "@darkbloom/protocol/evidence";
import type { BuildId, ModelId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Price } from "@darkbloom/protocol/money";
import { describe, expect, it } from "vitest";
import { Catalog } from "../../catalog/catalog.ts";
import { idle, verdictOf } from "../members.samples.ts";
import { blameless } from "../records/conduct.ts";
import { mayServe, servingChecks } from "./serving.ts";

const weights = "1".repeat(64) as Sha256Hex;
const entry = {
  id: "tiny" as ModelId,
  build: "tiny-q8" as BuildId,
  weightsSha256: weights,
  displayName: "Tiny",
  contextTokens: 2048,
  maxOutputTokens: 1024,
  price: {} as Price,
  createdSec: 0,
};
const model = { build: "tiny-q8", weightsSha256: weights, contextTokens: 4096 };
const statuses = (
  trustLevel: TrustLevel,
  minTrust: TrustLevel,
  models: (typeof model)[],
  catalog = new Catalog([entry]),
) =>
  servingChecks({ ...idle, verdict: verdictOf(trustLevel), models }, { minTrust, catalog }, 0)
    .slice(0, 2)
    .map(({ status }) => status);

/** Goal: no machine waits for requests that cannot come. Method: one row per reason why they could not. */
describe("whether requests may reach a machine", () => {
  it.each<[string, ReturnType<typeof statuses>, string[]]>([
    ["good", statuses("self_signed", "self_signed", [model]), ["pass", "pass"]],
    ["better than needed", statuses("hardware", "none", [model]), ["pass", "pass"]],
    ["below the floor", statuses("self_signed", "hardware", [model]), ["fail", "pass"]],
    ["another build", statuses("hardware", "hardware", [{ ...model, build: "mine" }]), ["pass", "fail"]],
    [
      "other weights",
      statuses("hardware", "hardware", [{ ...model, weightsSha256: "2" as Sha256Hex }]),
      ["pass", "fail"],
    ],
    ["a shorter context", statuses("hardware", "hardware", [{ ...model, contextTokens: 1024 }]), ["pass", "fail"]],
    ["one of two", statuses("hardware", "hardware", [{ ...model, build: "mine" }, model]), ["pass", "pass"]],
    ["no model", statuses("hardware", "hardware", []), ["pass", "fail"]],
    ["nothing is sold", statuses("hardware", "hardware", [model], new Catalog([])), ["pass", "fail"]],
  ])("%s", (_, found, expected) => expect(found).toEqual(expected));
});

/** Goal: who is left out for faults reads so, and until when. Method: the same machine before, during and after. */
it("names the faults of a machine that is left out, and whether it may serve at all", () => {
  const floor = { minTrust: "self_signed", catalog: new Catalog([entry]) } as const;
  const conduct = { ...blameless, ejectedUntilMs: 30_000, isProbed: true };
  const machine = { ...idle, models: [model], conduct };
  const told = (nowMs: number, of = machine) => {
    const check = servingChecks(of, floor, nowMs).find(({ id }) => id === "serving.faults");
    return [mayServe(of, floor, nowMs), check?.status, check?.seen];
  };
  expect(told(0, { ...machine, conduct: { ...blameless, isProbed: false } })).toEqual([
    true,
    "pass",
    "it fails seldom enough",
  ]);
  expect(told(29_999)).toEqual([false, "fail", "too many of its answers failed"]);
  expect(told(30_000)).toEqual([true, "pass", "one request at a time, until some went well"]);
  expect(servingChecks(machine, floor, 28_500).find(({ id }) => id === "serving.faults")?.remedy).toContain("in 2 s");
});

/** Goal: a machine without the operator's word reads what to do. Method: the same machine under each word. */
it.each([
  ["given", true, []],
  ["awaited", false, [["serving.approval", "this coordinator's operator has not approved this machine yet"]]],
  ["refused", false, [["serving.approval", "this coordinator's operator has refused this machine"]]],
] as const)("serves with an approval that is %s: %s", (approval, serves, told) => {
  const floor = { minTrust: "self_signed", catalog: new Catalog([entry]) } as const;
  const machine = { ...idle, models: [model], approval };
  expect(mayServe(machine, floor, 0)).toBe(serves);
  const failed = servingChecks(machine, floor, 0).filter(({ status }) => status === "fail");
  expect(failed.map(({ id, seen }) => [id, seen])).toEqual(told);
  for (const { remedy } of failed) expect(remedy).toContain(`'darkbloom machines approve ${machine.machineId}'`);
});

/** Goal: the owner reads which of the reasons it is. Method: what is seen for each way to offer nothing that is sold. */
it.each([
  ["no model is loaded", []],
  ["the coordinator's catalog has no such build", [{ ...model, build: "mine" }]],
  ["the catalog has other weights under this build's name", [{ ...model, weightsSha256: "2" }]],
  ["the catalog promises a longer context than this machine offers", [{ ...model, contextTokens: 1024 }]],
])("says %s", (seen, models) => {
  const found = servingChecks({ ...idle, models }, { minTrust: "none", catalog: new Catalog([entry]) }, 0);
  expect(found.find(({ id }) => id === "serving.models")).toMatchObject({ status: "fail", seen });
});
