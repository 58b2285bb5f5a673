import { failed, TemplateError, unsupported } from "./errors.ts";
import { printed } from "./printing.ts";
import { Callable, integerOf, itemsOf, Namespace, textOf, type Value } from "./values.ts";

/** As Python's sandbox has it. */
const RANGE_ITEMS_MAX = 100_000;

const range = new Callable((args) => {
  const [first = 0n, second, step = 1n] = args.map((arg) => integerOf(arg, "a range's bound"));
  const [from, to] = second === undefined ? [0n, first] : [first, second];
  if (step === 0n) throw failed("a range goes on by zero");
  const items: Value[] = [];
  for (let at = from; step > 0n ? at < to : at > to; at += step) {
    if (items.length >= RANGE_ITEMS_MAX) throw failed("a range is too long");
    items.push(at);
  }
  return items;
});

function pairs(value: Value): readonly (readonly [string, Value])[] {
  if (value === undefined) return [];
  if (value instanceof Map) return [...value].map(([key, item]) => [printed(key), item]);
  return itemsOf(value).map((pair) => {
    const [key, item] = itemsOf(pair);
    return [printed(key), item];
  });
}

const raise = new Callable(([message]) => {
  throw new TemplateError("raised", printed(message));
});

const joiner = new Callable((args, named) => {
  const between = args[0] ?? named.get("sep") ?? ", ";
  let used = false;
  return new Callable(() => {
    const text = used ? between : "";
    used = true;
    return text;
  });
});

/** What every chat template may call. @param nowMs in UTC, since 1970 */
export const globals = (nowMs: number): readonly (readonly [string, Value])[] => [
  ["range", range],
  ["dict", new Callable(([of], named) => new Map<Value, Value>([...pairs(of), ...named]))],
  ["namespace", new Callable(([of], named) => new Namespace(new Map([...pairs(of), ...named])))],
  ["joiner", joiner],
  ["raise_exception", raise],
  ["strftime_now", new Callable(([format]) => timeText(nowMs, textOf(format, "a format")))],
];

/** The same, to be known without a time. */
export const globalNames: ReadonlySet<string> = new Set(globals(0).map(([name]) => name));

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

function timeText(nowMs: number, format: string): string {
  const now = new Date(nowMs);
  const two = (number: number) => String(number).padStart(2, "0");
  const hour12 = now.getUTCHours() % 12 === 0 ? 12 : now.getUTCHours() % 12;
  const dayOfYear = Math.floor((nowMs - Date.UTC(now.getUTCFullYear(), 0, 1)) / 86_400_000) + 1;
  const fields: Readonly<Record<string, () => string>> = {
    Y: () => String(now.getUTCFullYear()),
    y: () => two(now.getUTCFullYear() % 100),
    m: () => two(now.getUTCMonth() + 1),
    d: () => two(now.getUTCDate()),
    e: () => String(now.getUTCDate()).padStart(2, " "),
    H: () => two(now.getUTCHours()),
    I: () => two(hour12),
    M: () => two(now.getUTCMinutes()),
    S: () => two(now.getUTCSeconds()),
    p: () => (now.getUTCHours() < 12 ? "AM" : "PM"),
    A: () => days[now.getUTCDay()] ?? "",
    a: () => (days[now.getUTCDay()] ?? "").slice(0, 3),
    B: () => months[now.getUTCMonth()] ?? "",
    b: () => (months[now.getUTCMonth()] ?? "").slice(0, 3),
    j: () => String(dayOfYear).padStart(3, "0"),
    w: () => String(now.getUTCDay()),
    u: () => String(now.getUTCDay() === 0 ? 7 : now.getUTCDay()),
    F: () => now.toISOString().slice(0, 10),
    T: () => now.toISOString().slice(11, 19),
    D: () => `${two(now.getUTCMonth() + 1)}/${two(now.getUTCDate())}/${two(now.getUTCFullYear() % 100)}`,
    Z: () => "",
    z: () => "",
    "%": () => "%",
  };
  return format.replaceAll(/%(-?)(.)/gs, (_, bare: string, letter: string) => {
    const field = Object.hasOwn(fields, letter) ? fields[letter] : undefined;
    if (!field) throw unsupported(`strftime_now("%${letter}")`);
    return bare === "-" ? field().replace(/^[0 ]+(?=.)/, "") : field();
  });
}
