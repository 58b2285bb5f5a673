import { failed } from "./errors.ts";
import { jsonText, parseJson } from "./json.ts";
import { attributeOf, operated } from "./operations.ts";
import { methodOf } from "./methods.ts";
import { printed } from "./printing.ts";
import { listFilters, tellFilters } from "./list-filters.ts";
import { capitalize, filterTitle, floatIn, replace, strip, wholeIn } from "./texts.ts";
import {
  type Filter,
  integerOf,
  widthOf,
  isNumber,
  isTrue,
  itemsOf,
  lengthOf,
  type Named,
  numberOf,
  textOf,
  tupleOf,
  typeOf,
  type Value,
} from "./values.ts";

/** An argument by its place or its name. */
const given = (args: readonly Value[], named: Named, at: number, name: string): Value =>
  at < args.length ? args[at] : named.get(name);

const orElse: Filter = (value, args, named) => {
  const otherwise = args.length > 0 || named.has("default_value") ? given(args, named, 0, "default_value") : "";
  const byTruth = isTrue(given(args, named, 1, "boolean"));
  return value === undefined || (byTruth && !isTrue(value)) ? otherwise : value;
};

const dictItems: Filter = (value) => {
  if (value === undefined) return [];
  if (!(value instanceof Map)) throw failed(`the items of ${typeOf(value)}`);
  return [...value].map((pair) => tupleOf(pair));
};

const html: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" };
const escaped: Filter = (value) => printed(value).replaceAll(/[&<>"']/g, (char) => html[char] ?? char);

const toJson: Filter = (value, args, named) => {
  const indent = given(args, named, 1, "indent") ?? null;
  const separators = named.get("separators") ?? null;
  return jsonText(value, {
    ensureAscii: isTrue(given(args, named, 0, "ensure_ascii")),
    indent:
      typeof indent === "string" ? indent : indent === null ? undefined : " ".repeat(widthOf(indent, "an indent")),
    separators: separators === null ? undefined : separatorsOf(separators),
    sortKeys: isTrue(named.get("sort_keys")),
  });
};

function separatorsOf(value: Value): readonly [string, string] {
  const [item, key] = itemsOf(value);
  return [textOf(item, "a separator"), textOf(key, "a separator")];
}

const indented: Filter = (value, args, named) => {
  const width = given(args, named, 0, "width") ?? 4n;
  const space = typeof width === "string" ? width : " ".repeat(widthOf(width, "a width"));
  const [first, blank] = [isTrue(given(args, named, 1, "first")), isTrue(given(args, named, 2, "blank"))];
  return printed(value)
    .split("\n")
    .map((line, at) => ((at === 0 && !first) || (at > 0 && line === "" && !blank) ? line : space + line))
    .join("\n");
};

const toWhole: Filter = (value, args, named) => {
  const otherwise = given(args, named, 0, "default") ?? 0n;
  if (typeof value === "string") {
    const whole = wholeIn(value, Number(integerOf(given(args, named, 1, "base") ?? 10n, "a base")));
    if (whole !== undefined) return whole;
    const float = floatIn(value);
    return float === undefined || !Number.isFinite(float) ? otherwise : BigInt(Math.trunc(float));
  }
  if (!isNumber(value)) return otherwise;
  const number = numberOf(value);
  return typeof number === "bigint" ? number : Number.isFinite(number) ? BigInt(Math.trunc(number)) : otherwise;
};

const toFloat: Filter = (value, args, named) => {
  const otherwise = given(args, named, 0, "default") ?? 0;
  if (typeof value === "string") return floatIn(value) ?? otherwise;
  return isNumber(value) ? Number(numberOf(value)) : otherwise;
};

const rounded: Filter = (value, args, named) => {
  if (!isNumber(value)) throw failed(`${typeOf(value)} is rounded`);
  const places = Number(integerOf(given(args, named, 0, "precision") ?? 0n, "a precision"));
  const method = given(args, named, 1, "method") ?? "common";
  const number = Number(numberOf(value));
  const scale = 10 ** places;
  if (method === "ceil") return Math.ceil(number * scale) / scale;
  if (method === "floor") return Math.floor(number * scale) / scale;
  // Python rounds a half to the even side, and only what is one to the last digit.
  const digits = number.toFixed(Math.min(100, places + 30));
  const isHalf = /^50*$/.test(digits.slice(digits.indexOf(".") + 1 + places));
  if (!isHalf) return Number(number.toFixed(places));
  const below = Math.floor(number * scale);
  return (below + (below % 2 === 0 ? 0 : 1)) / scale;
};

const truncated: Filter = (value, args, named) => {
  const text = Array.from(printed(value));
  const length = Number(integerOf(given(args, named, 0, "length") ?? 255n, "a length"));
  const end = textOf(given(args, named, 2, "end") ?? "...", "an end");
  const leeway = Number(integerOf(given(args, named, 3, "leeway") ?? 5n, "a leeway"));
  if (text.length <= length + leeway) return text.join("");
  const kept = text.slice(0, length - Array.from(end).length).join("");
  if (isTrue(given(args, named, 1, "killwords"))) return kept + end;
  const space = kept.lastIndexOf(" ");
  return (space < 0 ? kept : kept.slice(0, space)) + end;
};

const replaced: Filter = (value, args, named) => {
  const count = given(args, named, 2, "count") ?? null;
  const [old, by] = [given(args, named, 0, "old"), given(args, named, 1, "new")];
  return replace(printed(value), printed(old), printed(by), count === null ? -1 : Number(integerOf(count, "a count")));
};

const formattedBy: Filter = (value, args) => operated("%", textOf(value, "a format"), tupleOf(args));

/** https://jinja.palletsprojects.com/en/stable/templates/#builtin-filters, and `tojson` as chat templates have it */
export const filters: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ...listFilters,
  [
    "abs",
    (value) => {
      if (!isNumber(value)) throw failed(`the size of ${typeOf(value)}`);
      const number = numberOf(value);
      return number < 0 ? -number : number;
    },
  ],
  ["attr", (value, [name]) => attributeOnly(value, textOf(name, "a name"))],
  ["capitalize", (value) => capitalize(printed(value))],
  ["center", (value, args, named) => centered(printed(value), given(args, named, 0, "width") ?? 80n)],
  ["count", lengthOf],
  ["d", orElse],
  ["default", orElse],
  ["e", escaped],
  ["escape", escaped],
  ["float", toFloat],
  ["forceescape", escaped],
  ["format", formattedBy],
  // As llama.cpp's own renderer has it, for the templates that come with it.
  ["from_json", (value) => parseJson(textOf(value, "a JSON text"))],
  ["indent", indented],
  ["int", toWhole],
  ["items", dictItems],
  ["length", lengthOf],
  ["lower", (value) => printed(value).toLowerCase()],
  ["replace", replaced],
  ["round", rounded],
  ["safe", (value) => value],
  ["string", printed],
  [
    "striptags",
    (value) =>
      printed(value)
        .replaceAll(/<!--.*?-->|<[^>]*>/gs, "")
        .trim()
        .split(/\s+/)
        .join(" "),
  ],
  ["title", (value) => filterTitle(printed(value))],
  ["tojson", toJson],
  [
    "trim",
    (value, args, named) => {
      const chars = given(args, named, 0, "chars") ?? null;
      return strip(printed(value), chars === null ? undefined : textOf(chars, "what is trimmed"));
    },
  ],
  ["truncate", truncated],
  ["upper", (value) => printed(value).toUpperCase()],
  ["urlencode", (value) => encodeURIComponent(printed(value)).replaceAll("%2F", "/")],
  ["wordcount", (value) => BigInt((printed(value).match(/[\p{L}\p{N}_]+/gu) ?? []).length)],
]);

tellFilters(filters);

function attributeOnly(value: Value, name: string): Value {
  if (value === undefined) throw failed(`"${name}" is asked of what is undefined`);
  return value instanceof Map ? undefined : attributeOf(value, name);
}

const centered = (text: string, width: Value): Value => methodOf(text, "center")?.call([width], new Map());
