import { pushAll } from "../lists.ts";
import type { Schema, Shape } from "./shape.ts";

type Defs = Schema["defs"];

/**
 * Whether a definition begins with itself: nothing would be written between a reference and its coming
 * again, so that a grammar never gets on.
 */
export const beginsWithItself = (defs: Defs): boolean =>
  hasUnsettled(defs, refsAtStart, (shape, settled) => refsAtStart(shape).every((name) => settled.has(name)));

/** Whether no finite document is of some definition, e.g. of an object that requires another one of its kind. */
export const isEndless = (defs: Defs): boolean => hasUnsettled(defs, refsIn, canEnd);

/**
 * A definition is settled as soon as `settles` says so, by those that are settled before it. It is asked again only
 * when one that it refers to has been settled, so that the order of definitions costs nothing.
 */
function hasUnsettled(
  defs: Defs,
  refsOf: (shape: Shape) => readonly string[],
  settles: (shape: Shape, settled: ReadonlySet<string>) => boolean,
): boolean {
  const settled = new Set<string>();
  const askedBy = new Map<string, string[]>();
  for (const [name, shape] of defs)
    for (const other of new Set(refsOf(shape))) {
      const names = askedBy.get(other);
      if (names) names.push(name);
      else askedBy.set(other, [name]);
    }
  const open = [...defs.keys()];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const shape = defs.get(name);
    if (!shape || settled.has(name) || !settles(shape, settled)) continue;
    settled.add(name);
    for (const other of askedBy.get(name) ?? []) if (!settled.has(other)) open.push(other);
  }
  return settled.size < defs.size;
}

function refsIn(shape: Shape): readonly string[] {
  if (shape.kind === "ref") return [shape.name];
  return partsOf(shape).flatMap(refsIn);
}

/** The shapes that stand in it. */
export function partsOf(shape: Shape): readonly Shape[] {
  if (shape.kind === "choice") return shape.of;
  if (shape.kind === "array") return [shape.items];
  if (shape.kind !== "object") return [];
  return [...shape.members.map((member) => member.shape), ...(shape.rest ? [shape.rest] : [])];
}

function refsAtStart(shape: Shape): readonly string[] {
  if (shape.kind === "ref") return [shape.name];
  return shape.kind === "choice" ? shape.of.flatMap(refsAtStart) : [];
}

function canEnd(shape: Shape, settled: ReadonlySet<string>): boolean {
  if (shape.kind === "ref") return settled.has(shape.name);
  if (shape.kind === "choice") return shape.of.some((one) => canEnd(one, settled));
  if (shape.kind === "array") return shape.min === 0 || canEnd(shape.items, settled);
  if (shape.kind !== "object") return true;
  return shape.members.every((member) => !member.required || canEnd(member.shape, settled));
}

/**
 * Whether it is evident that no document is of two of the schemas behind these shapes: by their types, or by
 * constants. A shape may be narrower than its schema, so that nothing else tells.
 *
 * @param typeless shapes whose schemas are met by documents of other types too
 */
export function areDisjoint(
  shapes: readonly Shape[],
  defs: Defs,
  typeless: ReadonlySet<Shape>,
  comparisons: Comparisons,
): boolean {
  const leaves = shapes.map((shape) => leavesOf(shape, defs));
  return leaves.every((own, at) =>
    leaves
      .slice(at + 1)
      .every((others) => own.every((a) => others.every((b) => haveNoneInCommon(a, b, defs, typeless, comparisons)))),
  );
}

/** Of the branches of all `oneOf`s of a schema, and of the members and constants that tell them apart. */
const COMPARISONS_MAX = 100_000;

/** What is left of them: where there is nothing left, nothing evident tells branches apart. */
export class Comparisons {
  #left = COMPARISONS_MAX;

  take(count: number): boolean {
    this.#left -= count;
    return this.#left >= 0;
  }
}

/** Without choices and references. */
function leavesOf(shape: Shape, defs: Defs): readonly Shape[] {
  const leaves: Shape[] = [];
  const seen = new Set<string>();
  const open = [shape];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.kind === "choice") pushAll(open, next.of);
    else if (next.kind !== "ref") leaves.push(next);
    else if (!seen.has(next.name)) {
      seen.add(next.name);
      open.push(defs.get(next.name) ?? { kind: "any" });
    }
  }
  return leaves;
}

function haveNoneInCommon(
  a: Shape,
  b: Shape,
  defs: Defs,
  typeless: ReadonlySet<Shape>,
  comparisons: Comparisons,
): boolean {
  if (!comparisons.take(costOf(a) + costOf(b))) return false;
  if (a.kind === "any" || b.kind === "any") return false;
  const [types, others] = [typesOf(a), typesOf(b)];
  if (!types.some((type) => others.includes(type))) return !typeless.has(a) && !typeless.has(b);
  if (a.kind === "literal" && b.kind === "literal") return shareNoText(a.texts, b.texts);
  return a.kind === "object" && b.kind === "object" && areToldApart(a, b, defs, comparisons);
}

const costOf = (shape: Shape): number =>
  shape.kind === "literal" ? shape.texts.length : shape.kind === "object" ? shape.members.length : 1;

/** Lists and objects are equal in many spellings, so that theirs tell nothing. */
const shareNoText = (texts: readonly string[], others: readonly string[]): boolean =>
  ![...texts, ...others].some((text) => /^[[{]/.test(text)) && new Set(texts).isDisjointFrom(new Set(others));

function typesOf(shape: Shape): readonly string[] {
  if (shape.kind === "integer") return ["number"];
  if (shape.kind === "text") return ["string"];
  if (shape.kind !== "literal") return [shape.kind];
  return [...new Set(shape.texts.map((text) => typeOfText.get(text.charAt(0)) ?? "number"))];
}

const typeOfText = new Map([
  ['"', "string"],
  ["{", "object"],
  ["[", "array"],
  ["t", "boolean"],
  ["f", "boolean"],
  ["n", "null"],
]);

type ObjectShape = Extract<Shape, { kind: "object" }>;

/** By a constant that each of them requires under one name. */
const areToldApart = (a: ObjectShape, b: ObjectShape, defs: Defs, comparisons: Comparisons): boolean => {
  const yours = new Map(b.members.map((member) => [member.name, member]));
  return a.members.some((mine) => {
    const other = yours.get(mine.name);
    if (!other || !mine.required || !other.required) return false;
    const [own, others] = [constantsOf(mine.shape, defs), constantsOf(other.shape, defs)];
    if (!own || !others || !comparisons.take(own.length + others.length)) return false;
    return shareNoText(own, others);
  });
};

/** Undefined where it may be anything else, or more than a few choices of them. */
function constantsOf(shape: Shape, defs: Defs): readonly string[] | undefined {
  if (shape.kind === "literal") return shape.texts;
  const leaves = leavesOf(shape, defs);
  return leaves.every((leaf) => leaf.kind === "literal") ? leaves.flatMap(({ texts }) => texts) : undefined;
}
