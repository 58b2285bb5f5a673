import fc from "fast-check";
import { expect, it } from "vitest";
import { intersection } from "./code-points.ts";
import { type Pattern, readPattern } from "./pattern.ts";
import { PatternAllowance } from "./text-state.ts";
import { patternOfFormat, stringFormats } from "./string-formats.ts";
import { ownTextStates, textStates } from "./text-states.ts";

const any = { min: 0, max: undefined };

function read(source: string): Pattern {
  const pattern = readPattern(source);
  if (!pattern) throw new TypeError("the pattern is refused");
  return pattern;
}

/** Whether the states lead through `text` to an end. */
function matches(states: ReturnType<typeof textStates>, text: string): boolean {
  if (typeof states === "string") return false;
  let at = new Set([0]);
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    const steps = [...at].flatMap((id) => states[id]?.steps ?? []);
    at = new Set(steps.filter(({ on }) => on.some(([a, b]) => a <= code && code <= b)).map(({ to }) => to));
  }
  return [...at].some((id) => states[id]?.ends);
}

/** Goal: what cannot be enforced is not taken for something else. Method: one line for each form. */
it.each([
  ["look-ahead", "(?=a)"],
  ["negative look-ahead", "(?!a)"],
  ["look-behind", "(?<=a)b"],
  ["negative look-behind", "(?<!a)b"],
  ["a back reference", "(a)\\1"],
  ["a named back reference", "(?<x>a)\\k<x>"],
  ["a word boundary", "\\ba"],
  ["no word boundary", "a\\B"],
  ["a property", "\\p{L}"],
  ["a code point in braces", "\\u{61}"],
  ["a control letter", "\\cA"],
  ["a NUL", "\\0"],
  ["flags", "(?i:a)"],
  ["an open group", "(a"],
  ["an open class", "[a"],
  ["an open count", "a{2"],
  ["a closing parenthesis", "a)"],
  ["a closing bracket", "a]"],
  ["nothing to repeat", "*a"],
  ["an anchor to repeat", "^*"],
  ["a count of a count", "a{2}{2}"],
  ["a count turned round", "a{3,2}"],
  ["a range turned round", "[b-a]"],
  ["a range from a class", "[\\w-a]"],
  ["an escape of nothing", "a\\"],
  ["half a hexadecimal", "\\x4"],
  ["a great count", "a{1001}"],
  ["deep groups", `${"(".repeat(33)}a${")".repeat(33)}`],
  ["a long pattern", "a".repeat(2_049)],
])("refuses %s", (_, source) => {
  expect(readPattern(source)).toBeUndefined();
});

it.each([
  ["a great count", "^a{1000}$"],
  ["deep groups", `${"(".repeat(32)}a${")".repeat(32)}`],
  ["a long pattern", `^${"a".repeat(2_046)}$`],
])("takes %s at the bound", (_, source) => {
  expect(typeof textStates([read(source)], any, new PatternAllowance())).toBe("object");
});

/**
 * Goal: however many ways a pattern has to match a text, whoever follows it follows few. Method: patterns that a
 * reader is at many places of at once, and one where telling them apart takes a state for each set of places.
 */
it.each<[string, "one" | "some" | "too much"]>([
  ["^(a|b|ab|ba){30}$", "one"],
  ["^[a-c]?[a-d]?[a-e]?[a-f]?[a-g]?[a-h]?[a-i]?[a-j]?[a-k]?[a-l]?[a-m]?[a-n]?[a-o]?[a-p]?[a-q]?[a-r]?[a-s]?$", "one"],
  ["^.*a.{10}$", "some"],
  ["^.*a.{15}$", "too much"],
  ["^.*a.{500}$", "too much"],
])("tells the places of %s apart: %s", (source, expected) => {
  const states = textStates([read(source)], any, new PatternAllowance());
  if (states === "none") throw new TypeError("no text");
  if (states === "too much") return expect(expected).toBe("too much");
  const isApart = states.every(({ steps }) =>
    steps.every(({ on }, at) => steps.slice(at + 1).every((other) => intersection(on, other.on).length === 0)),
  );
  expect(isApart).toBe(expected === "one");
});

/** Goal: a small pattern cannot ask for much. Method: patterns that grow when they are spelled out. */
it.each(["^(((a{1000}){1000}){1000})$", "^((((a?){50}){50}){50}){50}$", "((((){99}){99}){99}){99}", "^(a?){1000}$"])(
  "gives %s up",
  (source) => {
    expect(textStates([read(source)], any, new PatternAllowance())).toBe("too much");
  },
);

it.each([
  [["^a$", "^b$"], any],
  [["^a$"], { min: 2, max: undefined }],
  [["^a+$"], { min: 0, max: 0 }],
  [["a^b"], any],
  [["[]"], any],
  [["\\x00"], any],
])("finds that no text is of %j with %j", (sources, lengths) => {
  expect(textStates(sources.map(read), lengths, new PatternAllowance())).toBe("none");
});

/**
 * Goal: states match what the pattern matches, and all of it. Method: random patterns and texts of a few
 * characters; JavaScript's own regular expressions are the judge, also where two patterns and a length are asked for.
 */
it("matches as regular expressions do", () => {
  const atom = fc.constantFrom(
    "a",
    "b",
    "-",
    ".",
    "\\d",
    "\\w",
    "\\s",
    "\\W",
    "[ab]",
    "[^a]",
    "[^\\d-]",
    "\\n",
    "^",
    "$",
  );
  const { pattern } = fc.letrec<{ pattern: string; term: string }>((tie) => ({
    term: fc.oneof(
      { maxDepth: 2 },
      atom,
      fc
        .tuple(tie("pattern"), fc.constantFrom("", "*", "+", "?", "{2}", "{1,2}", "{2,}", "*?"))
        .map(([inner, count]) => `(?:${inner})${count}`),
    ),
    pattern: fc
      .array(fc.array(tie("term"), { maxLength: 3 }), { minLength: 1, maxLength: 2 })
      .map((branches) => branches.map((terms) => terms.join("")).join("|")),
  }));
  const text = fc.string({ unit: fc.constantFrom("a", "b", "-", "1", "\n", " "), maxLength: 6 });
  fc.assert(
    fc.property(
      pattern,
      pattern,
      fc.nat(3),
      fc.nat(6),
      fc.array(text, { minLength: 5, maxLength: 20 }),
      (one, two, min, more, texts) => {
        const max = min + more;
        const single = textStates([read(one)], any, new PatternAllowance());
        const both = textStates([read(one), read(two)], { min, max }, new PatternAllowance());
        fc.pre(single !== "too much" && both !== "too much");
        for (const given of texts) {
          const [first, second] = [new RegExp(one, "u").test(given), new RegExp(two, "u").test(given)];
          const fits = given.length >= min && given.length <= max;
          expect([one, given, matches(single, given)]).toEqual([one, given, first]);
          expect([one, two, given, matches(both, given)]).toEqual([one, two, given, first && second && fits]);
        }
      },
    ),
    { numRuns: 300 },
  );
});

/** Goal: what is kept is what would be made, and costs a request as much, the first time and later. Method: each format, made by itself and read twice. */
it.each(stringFormats)("keeps %s as it is made", (format) => {
  const source = patternOfFormat[format];
  const made = new PatternAllowance();
  const states = textStates([read(source)], any, made);
  for (const _ of [1, 2]) {
    const allowance = new PatternAllowance();
    expect(ownTextStates(source, allowance)).toEqual(states);
    expect(allowance.cost).toMatchObject({ work: made.cost.work, ranges: made.cost.ranges });
  }
});

/** Goal: formats that are known are no way round the bound. Method: one as often as there is room for it by what it cost, and once more; both bounds. */
it.each(stringFormats)("takes %s no more often than there is room", (format) => {
  const source = patternOfFormat[format];
  const [known, made] = [new PatternAllowance(), new PatternAllowance()];
  const times = { known: 0, made: 0 };
  while (typeof ownTextStates(source, known) === "object") times.known++;
  while (typeof textStates([read(source)], any, made) === "object") times.made++;
  expect(times.known).toBe(times.made);
});
