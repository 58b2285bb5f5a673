import { ourWords } from "../ids.ts";
import { allOfPatterns, cannotEnforce, countOf, type Node } from "./keywords.ts";
import { type Pattern, readPattern } from "./pattern.ts";
import { type LeaveOut, Refusal } from "./refusal.ts";
import type { Shape } from "./shape.ts";
import { patternOfFormat, stringFormats } from "./string-formats.ts";
import type { PatternAllowance } from "./text-state.ts";
import { ownTextStates, textStates } from "./text-states.ts";

/** Grammars spell a repetition out: a larger bound costs more than it is worth. */
export const STRING_BOUND_CHARS_MAX = 1_000;
/** Sums of such bounds in one schema, where equal bounds count once. */
const STRING_BOUNDS_SUM_MAX = 20_000;

/** Formats of zod's own, beside which stands the pattern that says all of it. */
const namesOfPatterns = ["starts_with", "ends_with", "includes", "lowercase", "uppercase", "cuid2", "ulid", "nanoid"];

const ofFormats = Object.values(patternOfFormat);
const isPattern = (pattern: Pattern | undefined): pattern is Pattern => pattern !== undefined;

/** Reads the strings of one schema, which share what a schema may cost. */
export class StringReader {
  readonly #leaveOut: LeaveOut;
  readonly #allowance: PatternAllowance;
  readonly #known = new Map<string, Shape>();
  #boundsSum = 0;

  constructor(leaveOut: LeaveOut, allowance: PatternAllowance) {
    this.#leaveOut = leaveOut;
    this.#allowance = allowance;
  }

  read(node: Node): Shape {
    const min = countOf(node, "minLength", STRING_BOUND_CHARS_MAX, this.#leaveOut) ?? 0;
    const max = countOf(node, "maxLength", STRING_BOUND_CHARS_MAX, this.#leaveOut);
    if (max !== undefined && min > max) throw new Refusal(ourWords`the schema's 'minLength' is above its 'maxLength'`);
    const sources = this.#sources(node);
    const key = JSON.stringify([min, max, sources]);
    const shape =
      this.#known.get(key) ?? (sources.length === 0 ? this.#plain(min, max) : this.#text(sources, min, max));
    this.#known.set(key, shape);
    return shape;
  }

  /** Patterns that a text has to match, each of them readable. */
  #sources(node: Node): readonly string[] {
    const given = node["format"];
    const format = stringFormats.find((one) => one === given);
    const patterns = [...(node["pattern"] === undefined ? [] : [node["pattern"]]), ...(allOfPatterns(node) ?? [])];
    const isSaid = patterns.length > 0 && namesOfPatterns.some((one) => one === given);
    if (given !== undefined && !format && !isSaid) this.#leaveOut(cannotEnforce("format"));
    const readable = patterns.filter((one): one is string => typeof one === "string" && readPattern(one) !== undefined);
    if (readable.length < patterns.length)
      this.#leaveOut(
        ourWords`a 'pattern' of the schema cannot be enforced while a model writes: it may have classes, groups, alternatives, repetitions and anchors, but no look-around, back reference or word boundary; leave it out, or leave 'strict' out`,
      );
    return [...(format ? [patternOfFormat[format]] : []), ...readable];
  }

  #plain(min: number, max: number | undefined): Shape {
    this.#boundsSum += max ?? min;
    if (this.#boundsSum <= STRING_BOUNDS_SUM_MAX) return { kind: "string", minChars: min, maxChars: max };
    this.#leaveOut(
      ourWords`'minLength' and 'maxLength' cannot be enforced above ${STRING_BOUNDS_SUM_MAX}, all of a schema together`,
    );
    return { kind: "string", minChars: 0, maxChars: undefined };
  }

  #text(sources: readonly string[], min: number, max: number | undefined): Shape {
    const isBounded = min > 0 || max !== undefined;
    const format = isBounded || sources.length > 1 ? undefined : ofFormats.find((source) => source === sources[0]);
    const states = format
      ? ownTextStates(format, this.#allowance)
      : textStates(sources.map(readPattern).filter(isPattern), { min, max }, this.#allowance);
    if (typeof states !== "string") return { kind: "text", states };
    this.#leaveOut(
      states === "none"
        ? ourWords`no string can be of a 'pattern' or 'format' of the schema with all that stands beside it`
        : isBounded
          ? ourWords`the schema's 'minLength' and 'maxLength' cannot be enforced beside a 'pattern' or 'format' that is so large; leave them out, or leave 'strict' out`
          : ourWords`the patterns are too large to be enforced together; leave some out, or leave 'strict' out`,
    );
    return isBounded ? this.#text(sources, 0, undefined) : { kind: "string", minChars: 0, maxChars: undefined };
  }
}
