import { pushAll } from "../lists.ts";
import { literalFanOut } from "./literal-tree.ts";
import type { Schema, Shape } from "./shape.ts";

/**
 * So many readings of what has been written may be open at once. An engine follows each of them and holds its
 * whole vocabulary against each, for every token; and without a bound a few lines of schema have more of them
 * than a machine has memory.
 */
export const WAYS_MAX = 256;
/** Steps that counting them may take; a schema that needs more has too many. */
const WAYS_WORK_MAX = 300_000;

type Leaf = Exclude<Shape, { kind: "choice" | "ref" }>;
type ObjectShape = Extract<Shape, { kind: "object" }>;

/** A place among the members of an object that is being written: those before `at` are behind it. */
interface Place {
  readonly object: ObjectShape;
  readonly at: number;
}

class TooMany extends Error {
  override readonly name = "TooMany";
}

/**
 * Whether more than `WAYS_MAX` readings of some beginning of a document can be open at once. References and
 * alternatives multiply them, where nothing that is written tells the alternatives apart, and members that may
 * be left out add to them.
 *
 * Counted by going through a document in thought, all readings at once: what is written next, a member's name, a
 * constant, a value's first character, leaves those that fit. It may count too many and never too few.
 *
 * No definition may begin with itself.
 */
export function hasTooManyWays({ root, defs }: Schema): boolean {
  try {
    new Ways(defs).count(root);
    return false;
  } catch (error) {
    if (error instanceof TooMany) return true;
    throw error;
  }
}

class Ways {
  readonly #defs: Schema["defs"];
  readonly #idOf = new Map<Shape, number>();
  readonly #weightOf = new Map<Leaf, number>();
  readonly #beginningsOf = new Map<Shape, readonly string[]>();
  readonly #seen = new Set<string>();
  readonly #open: (() => void)[] = [];
  #work = 0;

  constructor(defs: Schema["defs"]) {
    this.#defs = defs;
  }

  count(root: Shape): void {
    this.#values([root]);
    for (let next = this.#open.pop(); next; next = this.#open.pop()) next();
  }

  #step(steps = 1): void {
    this.#work += steps;
    if (this.#work > WAYS_WORK_MAX) throw new TooMany();
  }

  /** Readings that are all about to write a value, each of its shape. */
  #values(shapes: readonly Shape[]): void {
    const leaves = shapes.flatMap((shape) => this.#leaves(shape));
    if (leaves.reduce((sum, leaf) => sum + this.#weight(leaf), 0) > WAYS_MAX) throw new TooMany();
    this.#once(
      "v",
      leaves.map((leaf) => this.#id(leaf)).toSorted((a, b) => a - b),
      () => this.#inside(leaves),
    );
  }

  /** Without choices and references: one for each way to come to it. */
  #leaves(shape: Shape): readonly Leaf[] {
    const leaves: Leaf[] = [];
    const open = [shape];
    for (let next = open.pop(); next; next = open.pop()) {
      this.#step();
      if (next.kind === "choice") pushAll(open, next.of);
      else if (next.kind === "ref") open.push(this.#defs.get(next.name) ?? anything);
      else if (leaves.push(next) > WAYS_MAX) throw new TooMany();
    }
    return leaves;
  }

  /** Each opening bracket leaves those that have it. */
  #inside(leaves: readonly Leaf[]): void {
    const others = leaves.filter(({ kind }) => kind === "any");
    const lists = leaves.flatMap((leaf) => (leaf.kind === "array" && leaf.max !== 0 ? [leaf.items] : []));
    if (lists.length > 0) this.#values([...lists, ...others]);
    const objects = leaves.filter((leaf): leaf is ObjectShape => leaf.kind === "object");
    const records = objects.flatMap(({ rest }) => (rest ? [rest] : []));
    const places = objects.filter(({ members }) => members.length > 0).map((object) => ({ object, at: 0 }));
    if (places.length > 0) this.#members(places, [...records, ...others]);
    else if (records.length > 0) this.#values([...records, ...others]);
  }

  /** Readings that are all about to write a member's name, or the end. `others` may write any name. */
  #members(places: readonly Place[], others: readonly Shape[]): void {
    const key = places.flatMap(({ object, at }) => [this.#id(object), at]);
    const among = [key.length, ...key, ...others.map((shape) => this.#id(shape))];
    this.#once("m", among, () => {
      const byName = new Map<string, Place[]>();
      let ways = others.length;
      for (const { object, at } of places)
        for (let next = at; next <= object.members.length; next++) {
          this.#step();
          if (++ways > WAYS_MAX) throw new TooMany();
          const member = object.members[next];
          if (!member) break;
          const same = byName.get(member.name);
          if (same) same.push({ object, at: next });
          else byName.set(member.name, [{ object, at: next }]);
          if (member.required) break;
        }
      for (const same of byName.values()) this.#member(same, others);
    });
  }

  /** Readings that have all written the same name. What its value begins with may tell them apart. */
  #member(places: readonly Place[], others: readonly Shape[]): void {
    const shapes = places.map(({ object, at }) => object.members[at]?.shape ?? anything);
    this.#values([...shapes, ...others]);
    const behind = places.map(({ object, at }) => ({ object, at: at + 1 }));
    if (behind.length === 1) return this.#members(behind, others);
    const beginnings = shapes.map((shape) => new Set(this.#beginnings(shape)));
    for (const beginning of new Set(beginnings.flatMap((all) => [...all]))) {
      this.#step(places.length);
      const fit = [beginning, beginning.charAt(0), ANY];
      this.#members(
        behind.filter((_, index) => fit.some((one) => beginnings[index]?.has(one))),
        others,
      );
    }
  }

  /** The texts of constants whole, of everything else the first character or one that stands for it. */
  #beginnings(shape: Shape): readonly string[] {
    const known = this.#beginningsOf.get(shape);
    if (known) return known;
    const beginnings = this.#leaves(shape).flatMap((leaf) => this.#beginningsOfLeaf(leaf));
    this.#beginningsOf.set(shape, beginnings);
    return beginnings;
  }

  #beginningsOfLeaf(leaf: Leaf): readonly string[] {
    this.#step();
    if (leaf.kind !== "literal") return [beginningOf[leaf.kind]];
    this.#step(leaf.texts.length);
    // With the beginning of what is no constant and may yet be the same: `true` is a boolean.
    return leaf.texts.map(
      (text) => `${/^[-\d]/.test(text) ? NUMBER : text === "true" || text === "false" ? "b" : text.charAt(0)}${text}`,
    );
  }

  #weight(leaf: Leaf): number {
    const known = this.#weightOf.get(leaf);
    if (known !== undefined) return known;
    const weight = weightOf(leaf);
    this.#weightOf.set(leaf, weight);
    return weight;
  }

  #id(shape: Shape): number {
    const known = this.#idOf.get(shape) ?? this.#idOf.size;
    this.#idOf.set(shape, known);
    return known;
  }

  #once(what: string, among: readonly number[], then: () => void): void {
    this.#step(among.length);
    const key = `${what} ${among.join(" ")}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#open.push(then);
  }
}

const anything: Shape = { kind: "any" };
const ANY = "*";
const NUMBER = "#";
const beginningOf: Readonly<Record<Exclude<Leaf["kind"], "literal">, string>> = {
  any: ANY,
  boolean: "b",
  null: "n",
  number: NUMBER,
  integer: NUMBER,
  string: '"',
  text: '"',
  array: "[",
  object: "{",
};

/** Of a bounded number: each of its digits may be the last that its edge decides, on both sides and with both signs. */
const BOUNDED_NUMBER_WAYS = 16;

/** How many ways part at most at one place of it, and what stands inside of it is not counted. */
function weightOf(leaf: Leaf): number {
  switch (leaf.kind) {
    case "any":
      return 8;
    case "literal":
      return literalFanOut(leaf.texts);
    case "text":
      return leaf.states.reduce((most, { steps, ends }) => Math.max(most, steps.length + Number(ends)), 1);
    case "number":
      return leaf.bounds ? BOUNDED_NUMBER_WAYS : 3;
    case "integer":
      return leaf.min === undefined && leaf.max === undefined ? 3 : BOUNDED_NUMBER_WAYS;
    case "boolean":
    case "array":
      return 2;
    case "string":
      return 3;
    case "null":
    case "object":
      return 1;
  }
}
