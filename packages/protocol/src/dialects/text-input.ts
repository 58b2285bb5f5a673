import { EMBED_INPUT_TOKENS_MAX } from "../limits.ts";
import type { TextInput } from "./job.ts";

/** Token ids are 31 bits in llama.cpp. */
export const TOKEN_ID_MAX = 2 ** 31 - 1;

/**
 * Texts as OpenAI's older endpoints take them: one, a list of them, one list of tokens, or a list of such lists. Read by
 * hand: a schema would try every form on every item, and a body may hold millions of them. What the first item is says what
 * the list is.
 *
 * @param refuse throws; `many` where only their number is at fault
 */
export function textInputsOf(
  given: unknown,
  field: string,
  { itemsMax, mayBeEmpty }: { readonly itemsMax: number; readonly mayBeEmpty: boolean },
  refuse: (param: string, fault: "form" | "many") => never,
): readonly TextInput[] {
  const isText = (value: unknown): value is string => typeof value === "string" && (mayBeEmpty || value !== "");
  const tokensOf = (items: readonly unknown[], at: string): readonly number[] =>
    items.length > 0 && items.length <= EMBED_INPUT_TOKENS_MAX && items.every(isToken) ? items : refuse(at, "form");
  if (isText(given)) return [given];
  if (!Array.isArray(given) || given.length === 0) return refuse(field, "form");
  const items: readonly unknown[] = given;
  if (typeof items[0] === "number") return [tokensOf(items, field)];
  if (items.length > itemsMax) return refuse(field, "many");
  return items.map((item, at) => {
    if (isText(item)) return item;
    return Array.isArray(item) ? tokensOf(item, `${field}.${at}`) : refuse(`${field}.${at}`, "form");
  });
}

const isToken = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= TOKEN_ID_MAX;
