import { pushAll } from "../lists.ts";
import type { Schema, Shape } from "./shape.ts";

type Defs = Schema["defs"];

/**
 * Whether a definition begins with itself: nothing would be written between a reference and its coming
 * again, so that a grammar never gets on.
 */
export const beginsWithItself = (defs: Defs): boolean =>
  hasUnsettled(defs, (shape, settled) => refsAtStart(shape).every((name) => settled.has(name)));

/** Whether no finite document is of some definition, e.g. of an object that requires another one of its kind. */
export const isEndless = (defs: Defs): boolean => hasUnsettled(defs, canEnd);

/** A definition is settled as soon as `settles` says so, by those that are settled before it. */
function hasUnsettled(defs: Defs, settles: (shape: Shape, settled: ReadonlySet<string>) => boolean): boolean {
  const settled = new Set<string>();
  // Definitions refer forward more often than back.
  const left = new Map([...defs].toReversed());
  for (let before = -1; before !== settled.size;) {
    before = settled.size;
    for (const [name, shape] of left)
      if (settles(shape, settled)) {
        settled.add(name);
        left.delete(name);
      }
  }
  return left.size > 0;
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
export function areDisjoint(shapes: readonly Shape[], defs: Defs, typeless: ReadonlySet<Shape>): boolean {
  const leaves = shapes.map((shape) => leavesOf(shape, defs));
  return leaves.every((own, at) =>
    leaves
      .slice(at + 1)
      .every((others) => own.every((a) => others.every((b) => haveNoneInCommon(a, b, defs, typeless)))),
  );
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

function haveNoneInCommon(a: Shape, b: Shape, defs: Defs, typeless: ReadonlySet<Shape>): boolean {
  if (a.kind === "any" || b.kind === "any") return false;
  const [types, others] = [typesOf(a), typesOf(b)];
  if (!types.some((type) => others.includes(type))) return !typeless.has(a) && !typeless.has(b);
  if (a.kind === "literal" && b.kind === "literal") return shareNoText(a.texts, b.texts);
  return a.kind === "object" && b.kind === "object" && areToldApart(a, b, defs);
}

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
const areToldApart = (a: ObjectShape, b: ObjectShape, defs: Defs): boolean =>
  a.members.some((mine) => {
    const yours = b.members.find(({ name }) => name === mine.name);
    if (!yours || !mine.required || !yours.required) return false;
    const [own, others] = [leavesOf(mine.shape, defs), leavesOf(yours.shape, defs)];
    return own.every(
      (one) =>
        one.kind === "literal" &&
        others.every((other) => other.kind === "literal" && shareNoText(one.texts, other.texts)),
    );
  });
