import { queryOptions } from "@tanstack/react-query";
import { answered, api } from "../../api/client.ts";
import type { Model } from "../../api/models.ts";
import type { Machine } from "../network/machines.ts";

interface OpenModels {
  readonly prices: readonly {
    readonly model: string;
    readonly input_price: number;
    readonly output_price: number;
    readonly cache_read_price: number;
  }[];
  readonly machines: readonly Machine[];
}

/** What everybody may know of models: what they cost, and which machines serve them. */
export const openModelsQuery = queryOptions({
  queryKey: ["models", "open"],
  queryFn: async (): Promise<OpenModels> => {
    const [{ prices }, { machines }] = await Promise.all([
      answered(api.GET("/v1/pricing")),
      answered(api.GET("/v1/network")),
    ]);
    return { prices, machines };
  },
  meta: { changesWith: ["machines", "load"] },
});

/** A model as the page shows it. */
export interface Shown {
  readonly id: string;
  /** Micro-USD for a million tokens. */
  readonly inputPrice: number;
  readonly outputPrice: number;
  readonly cachedPrice: number;
  /** Those that serve it now. */
  readonly machines: readonly Machine[];
  /** What is told to who may ask for it alone. */
  readonly told?: Model;
}

/** @param told the models that one may ask for; without it nobody is known to ask, and all are shown */
export function shownOf({ prices, machines }: OpenModels, told?: readonly Model[]): Shown[] {
  const shown = ({ model, input_price, output_price, cache_read_price }: OpenModels["prices"][number]): Shown => ({
    id: model,
    inputPrice: input_price,
    outputPrice: output_price,
    cachedPrice: cache_read_price,
    machines: machines.filter((one) => one.serves && one.models.includes(model)),
  });
  if (!told) return prices.map(shown);
  return told.flatMap((one) => {
    // Another name of a model has no price of its own.
    const price = prices.find(({ model }) => model === (one.alias_of ?? one.id));
    return price ? [{ ...shown(price), id: one.id, told: one }] : [];
  });
}

/** How many requests its machines can run at once, and how many of that are running. */
export function roomFor({ machines }: Shown): { readonly running: number; readonly slots: number } {
  const loads = machines.flatMap(({ load }) => load ?? []);
  return {
    running: loads.reduce((sum, { running }) => sum + running, 0),
    slots: loads.reduce((sum, { slots }) => sum + slots, 0),
  };
}
