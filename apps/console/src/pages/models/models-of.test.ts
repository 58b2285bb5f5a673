import { expect, it } from "vitest";
import type { Model } from "../../api/models.ts";
import type { Machine } from "../network/machines.ts";
import { roomFor, shownOf } from "./models-of.ts";

const price = (model: string) => ({ model, input_price: 1, output_price: 2, cache_read_price: 0 });
const machine = (models: readonly string[], serves = true) =>
  ({ models, serves, load: { running: 1, slots: 4 } }) as unknown as Machine;
const told = (id: string, alias_of?: string) => ({ id, ...(alias_of && { alias_of }) }) as unknown as Model;
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
