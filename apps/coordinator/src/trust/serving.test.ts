import type { BuildId, ModelId, Price, Sha256Hex, TrustLevel } from "@darkbloom/protocol";
import { describe, expect, it } from "vitest";
import { Catalog } from "../catalog/catalog.ts";
import { idle } from "../fleet/members.samples.ts";
import { servingChecks } from "./serving.ts";

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
) => servingChecks({ ...idle, trustLevel, models }, { minTrust, catalog }, 0).map(({ status }) => status);

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
