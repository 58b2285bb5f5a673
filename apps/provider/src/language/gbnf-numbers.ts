import { NUMBER_DIGITS_MAX, type NumberBounds } from "@darkbloom/protocol/schema";

const most = 10 ** NUMBER_DIGITS_MAX - 1;

/** Grammars of JSON numbers within bounds, without exponents. */
export const integerOf = (min: number | undefined, max: number | undefined): string =>
  min === undefined && max === undefined ? "integer" : signed({ places: 0, min, max });

export const numberOf = (bounds: NumberBounds | undefined): string => (bounds ? signed(bounds) : "number");

/** Whole numbers of 64 bits; the one that is only negative is left out. */
export const anyInteger = `"-"? (${wholesOf("0", String(2n ** 63n - 1n))})`;

/** Both signs in turn. What is below 0 is told by its distance from it, which is at least one unit. */
function signed({ places, min, max }: NumberBounds): string {
  const signs: string[] = [];
  if (min === undefined || min < 0)
    signs.push(
      `"-" ${between(max === undefined ? 1 : Math.max(1, -max), min === undefined ? undefined : -min, places)}`,
    );
  if (max === undefined || max >= 0) signs.push(between(Math.max(0, min ?? 0), max, places));
  return `(${signs.join(" | ")})`;
}

/** Numbers from `low` to `high`, both at least 0 and in units of 10^-places. */
function between(low: number, high: number | undefined, places: number): string {
  const [from, to] = [
    parts(low, places),
    high === undefined ? { whole: most, behind: undefined } : parts(high, places),
  ];
  if (from.whole === to.whole) return `"${from.whole}" ${fraction(from.behind, to.behind, places)}`;
  // Whole numbers whose edge cuts no fraction off belong to the middle.
  const first = from.behind === "" ? from.whole : from.whole + 1;
  const last = to.behind === undefined || places === 0 ? to.whole : to.whole - 1;
  const ranges: string[] = [];
  if (first > from.whole) ranges.push(`"${from.whole}" ${fraction(from.behind, undefined, places)}`);
  if (first <= last) ranges.push(`${wholes(first, last)} ${fraction("", undefined, places)}`);
  if (last < to.whole) ranges.push(`"${to.whole}" ${fraction("", to.behind, places)}`);
  return `(${ranges.join(" | ")})`;
}

/** `behind`: digits behind the point, without zeros at their end. */
function parts(units: number, places: number): { readonly whole: number; readonly behind: string } {
  const digits = String(units).padStart(places + 1, "0");
  const point = digits.length - places;
  return { whole: Number(digits.slice(0, point)), behind: digits.slice(point).replace(/0+$/, "") };
}

function fraction(low: string, high: string | undefined, places: number): string {
  if (places === 0) return "";
  const written = `"." ${digitsBehind(low, high, places)}`;
  return low === "" ? `(${written})?` : written;
}

/** One to `room` digits behind the point, from `low` to `high` (absent: up to all nines). */
function digitsBehind(low: string, high: string | undefined, room: number): string {
  if (low === "" && high === undefined) return `[0-9]{1,${room}}`;
  const [a, b] = [Number(low.charAt(0)), high === undefined ? 9 : Number(high.charAt(0))];
  const [lowRest, highRest] = [low.slice(1), high?.slice(1)];
  if (a === b) return `"${a}" ${further(lowRest, highRest, room - 1)}`;
  const ranges = [`"${a}" ${further(lowRest, undefined, room - 1)}`];
  if (b - a > 1) ranges.push(`[${a + 1}-${b - 1}] ${further("", undefined, room - 1)}`);
  ranges.push(`"${b}" ${further("", highRest, room - 1)}`);
  return `(${ranges.join(" | ")})`;
}

function further(low: string, high: string | undefined, room: number): string {
  if (room === 0) return "";
  return low === "" ? `(${digitsBehind(low, high, room)})?` : digitsBehind(low, high, room);
}

/** Whole numbers from `low` to `high`, both at least 0, by their number of digits. */
function wholes(low: number, high: number): string {
  return wholesOf(String(low), String(high));
}

function wholesOf(first: string, last: string): string {
  const ranges: string[] = [];
  for (let length = first.length; length <= last.length; length++) {
    const from = length === first.length ? first : `1${"0".repeat(length - 1)}`;
    const to = length === last.length ? last : "9".repeat(length);
    ranges.push(digitsBetween(from, to));
  }
  return `(${ranges.join(" | ")})`;
}

/** Strings of digits of one length, from `low` to `high`. */
function digitsBetween(low: string, high: string): string {
  if (low === "") return `""`;
  const [a, b] = [low.charAt(0), high.charAt(0)] as const;
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  const zeros = "0".repeat(lowRest.length);
  const nines = "9".repeat(lowRest.length);
  if (lowRest === zeros && highRest === nines) return `[${a}-${b}]${zeros === "" ? "" : ` [0-9]{${zeros.length}}`}`;
  if (a === b) return `"${a}" ${digitsBetween(lowRest, highRest)}`;
  const ranges = [`"${a}" ${digitsBetween(lowRest, nines)}`];
  if (Number(b) - Number(a) > 1)
    ranges.push(`[${Number(a) + 1}-${Number(b) - 1}]${zeros === "" ? "" : ` [0-9]{${zeros.length}}`}`);
  ranges.push(`"${b}" ${digitsBetween(zeros, highRest)}`);
  return `(${ranges.join(" | ")})`;
}
