import { Callable, Namespace, Tuple, type Value, Written } from "./values.ts";

/** As Python's `str` has it. */
export function printed(value: Value): string {
  if (typeof value === "string") return value;
  return value === undefined ? "" : shown(value);
}

/** As Python's `repr` has it. */
export function shown(value: Value): string {
  if (value === undefined) return "Undefined";
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return shownFloat(value);
  if (typeof value === "string") return shownText(value);
  if (value instanceof Written) return value.text;
  if (value instanceof Tuple) return value.length === 1 ? `(${shown(value[0])},)` : `(${value.map(shown).join(", ")})`;
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${shown(key)}: ${shown(item)}`).join(", ")}}`;
  if (value instanceof Namespace) return "<Namespace>";
  return value instanceof Callable ? "<function>" : "";
}

export function shownFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  if (Object.is(value, -0)) return "-0.0";
  const size = Math.abs(value);
  // Python writes an exponent from 1e16 on and below 1e-4; JavaScript elsewhere.
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    const [digits = "", exponent = ""] = value.toExponential().split("e");
    const power = exponent.slice(1).padStart(2, "0");
    return `${digits}e${exponent.startsWith("-") ? "-" : "+"}${power}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };
/** Not printable in Python's eyes. */
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

function shownText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = Array.from(text, (char) => {
    const known = escapes[char];
    if (known !== undefined) return known;
    if (char === quote) return `\\${char}`;
    if (!hidden.test(char)) return char;
    const hex = (char.codePointAt(0) ?? 0).toString(16);
    if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
    return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
  });
  return `${quote}${body.join("")}${quote}`;
}
