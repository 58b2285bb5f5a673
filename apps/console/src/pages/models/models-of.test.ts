import { expect, it } from "vitest";
import type { Model } from "../../api/models.ts";
import type { Machine } from "../network/machines.ts";
import { roomFor, shownOf } from "./models-of.ts";

const price = (model: string) => ({ model, input_price: 1, output_price: 2, cache_read_price: 0 });
const machine = (models: string[], serves = true): Machine => ({
  provider_id: "p",
  provider_serial: null,
  chip_name: "chip",
  hardware_model: "model",
  platform: "linux",
  trust_level: "self_signed",
  verified_at: "2026-01-01T00:00:00Z",
  checks: { passed: 1, failed: 0, unknown: 0 },
  models,
  serves,
  load: { running: 1, slots: 4 },
});
const told = (id: string, alias_of?: string): Model => ({
  id,
  ...(alias_of && { alias_of }),
  object: "model",
  created: 0,
  owned_by: "us",
  name: id,
  context_length: 1,
  max_output_length: 1,
  tasks: [],
  input_modalities: [],
  output_modalities: [],
  pricing: { prompt: "1", completion: "2", input_cache_read: "0" },
  metadata: { trust_level: "none", provider_count: 1, can_accept: true },
});
const open = {
  prices: [price("a"), price("b")],
  machines: [machine(["a"]), machine(["a", "b"]), machine(["b"], false)],
};

/** Goal: each model has its price and the room on its machines; another name has those of the model. Method: three machines, two models, a second name. */
it("puts prices, machines and names together", () => {
  expect(shownOf(open).map((model) => [model.id, model.machines.length, roomFor(model).slots])).toEqual([
    ["a", 2, 8],
    ["b", 1, 4],
  ]);
  const mine = shownOf(open, [told("nick", "a"), told("gone")]);
  expect(mine.map(({ id, outputPrice, machines }) => [id, outputPrice, machines.length])).toEqual([["nick", 2, 2]]);
});
