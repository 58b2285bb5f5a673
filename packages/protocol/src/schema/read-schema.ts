import { ourWords, type OurWords } from "../ids.ts";
import { namesAsWritten } from "../written-order.ts";
import { SchemaAllowance } from "./allowance.ts";
import * as keywords from "./keywords.ts";
import type { JsonType, Keyword, Node } from "./keywords.ts";
import { readNumber } from "./read-number.ts";
import { StringReader } from "./read-string.ts";
import { Refusal } from "./refusal.ts";
import { areDisjoint, beginsWithItself, Comparisons, isEndless } from "./shape-facts.ts";
import type { Member, Schema, Shape } from "./shape.ts";
import { hasTooManyWays, WAYS_MAX } from "./ways.ts";

/** Levels of a schema, and schemas and constants in it: more are refused, so that a small body cannot ask for much work. */
export const SCHEMA_DEPTH_MAX = 32;
export const SCHEMA_NODES_MAX = 5_000;
/** Grammars spell a repetition out: a larger bound costs more than it is worth, and so do all together. */
export const ITEMS_BOUND_MAX = 256;
const ITEMS_BOUNDS_SUM_MAX = 10_000;
/** Every two of them are compared. */
const ONE_OF_BRANCHES_MAX = 100;

export type ReadMode = "exact" | "relaxed";

/**
 * Reads a JSON Schema. `exact`: every document that is written to the result is valid by the schema, or
 * the schema is refused. `relaxed`: what cannot be enforced is left out.
 *
 * Never throws, and says nothing of the caller's words.
 *
 * @param allowance shared by the schemas of one request
 * @example readSchema({ type: "array", items: { enum: [1, 2] } }, "exact")
 */
export function readSchema(
  schema: unknown,
  mode: ReadMode,
  allowance = new SchemaAllowance(),
): { readonly schema: Schema } | { readonly refused: OurWords } {
  try {
    return { schema: new Reader(schema, mode === "exact", allowance).read() };
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.words };
    throw error;
  }
}

class Reader {
  readonly #whole: unknown;
  readonly #exact: boolean;
  readonly #strings: StringReader;
  readonly #allowance: SchemaAllowance;
  readonly #nameOfPointer = new Map<string, string>();
  /** Shapes of schemas that name no type, and so are met by documents of other types too. */
  readonly #typeless = new Set<Shape>();
  /** Compared when every definition is known. */
  readonly #oneOfs: (readonly Shape[])[] = [];
  #nodes = 0;
  #itemsBounds = 0;

  constructor(whole: unknown, exact: boolean, allowance: SchemaAllowance) {
    this.#whole = whole;
    this.#exact = exact;
    this.#allowance = allowance;
    this.#strings = new StringReader((words) => this.#leaveOut(words), allowance.patterns);
  }

  read(): Schema {
    const root = this.#shape(this.#whole, 0);
    const defs = new Map<string, Shape>();
    // More references may be met while their targets are read.
    for (const [pointer, name] of this.#nameOfPointer) defs.set(name, this.#shape(targetOf(this.#whole, pointer), 1));
    if (beginsWithItself(defs)) throw new Refusal(ourWords`a reference in the schema leads to itself`);
    if (isEndless(defs)) throw new Refusal(ourWords`no finite document can be of this schema`);
    this.#allowance.take({ root, defs });
    if (hasTooManyWays({ root, defs }))
      throw new Refusal(
        ourWords`the schema leaves more than ${WAYS_MAX} ways open at once to read what a model has written: alternatives and references multiply, and members that may be left out add up; use fewer, or tell the alternatives apart by a constant that each requires first`,
      );
    const comparisons = new Comparisons();
    if (this.#oneOfs.some((branches) => !areDisjoint(branches, defs, this.#typeless, comparisons)))
      this.#leaveOut(
        ourWords`nothing evident tells the branches of the schema's 'oneOf' apart; use 'anyOf', or leave 'strict' out`,
      );
    return { root, defs };
  }

  #leaveOut(words: OurWords): void {
    if (this.#exact) throw new Refusal(words);
  }

  #cannot(keyword: Keyword | undefined): void {
    if (keyword !== undefined) this.#leaveOut(keywords.cannotEnforce(keyword));
  }

  #count(depth: number): void {
    if (depth > SCHEMA_DEPTH_MAX) throw new Refusal(ourWords`the schema has more than ${SCHEMA_DEPTH_MAX} levels`);
    if (++this.#nodes > SCHEMA_NODES_MAX)
      throw new Refusal(ourWords`the schema has more than ${SCHEMA_NODES_MAX} schemas and constants in it`);
  }

  #shape(given: unknown, depth: number): Shape {
    this.#count(depth);
    if (given === true) return { kind: "any" };
    if (given === false) {
      this.#leaveOut(ourWords`the schema has a part that no document can be of`);
      return { kind: "any" };
    }
    if (!keywords.isNode(given)) throw new Refusal(ourWords`a schema is an object`);
    this.#cannot(keywords.unenforcedIn(given, "any"));
    // It would change where references lead.
    if (given["$id"] !== undefined && given !== this.#whole) this.#cannot("$id");
    const shape = this.#combined(given, depth) ?? this.#constant(given, depth) ?? this.#typed(given, depth);
    // Of OpenAPI 3.0, which has it beside a type alone, where it is one more type.
    const mayBeNull = given["nullable"] === true && given["type"] === undefined && !this.#exact;
    return mayBeNull ? { kind: "choice", of: [shape, { kind: "null" }] } : shape;
  }

  #combined(node: Node, depth: number): Shape | undefined {
    const [keyword, another] = keywords.combinersIn(node);
    if (keyword === undefined) return undefined;
    const constrainsItself = keywords.constrainsItself(node);
    if (another !== undefined || constrainsItself)
      this.#leaveOut(
        ourWords`the schema has a '${keywords.named(keyword)}' with other keywords beside it, which cannot be enforced together; leave 'strict' out, or put them into it`,
      );
    if (constrainsItself) return undefined;
    const value = node[keyword];
    if (keyword === "$ref") return this.#reference(value);
    if (!Array.isArray(value) || value.length === 0) throw new Refusal(keywords.isMisread(keyword));
    if (keyword === "allOf" && value.length > 1) {
      this.#cannot(keyword);
      return { kind: "any" };
    }
    const of = value.map((branch) => this.#shape(branch, depth + 1));
    if (keyword === "oneOf" && of.length > ONE_OF_BRANCHES_MAX)
      this.#leaveOut(keywords.cannotEnforceAbove(keyword, ONE_OF_BRANCHES_MAX));
    else if (keyword === "oneOf" && this.#exact) this.#oneOfs.push(of);
    return choiceOf(of);
  }

  #reference(pointer: unknown): Shape {
    if (typeof pointer !== "string" || targetOf(this.#whole, pointer) === undefined)
      throw new Refusal(ourWords`a reference in the schema leads nowhere; only '#' and '#/…' are followed`);
    const name = this.#nameOfPointer.get(pointer) ?? `d${this.#nameOfPointer.size}`;
    this.#nameOfPointer.set(pointer, name);
    return { kind: "ref", name };
  }

  #constant(node: Node, depth: number): Shape | undefined {
    const keyword = node["const"] !== undefined ? "const" : "enum";
    const values = keyword === "const" ? [node["const"]] : node["enum"];
    if (values === undefined) return undefined;
    if (!Array.isArray(values)) throw new Refusal(keywords.isMisread("enum"));
    if (keyword === "const" && node["enum"] !== undefined) this.#cannot("enum");
    const types = this.#types(node);
    if (keywords.impliedTypes(node).some((type) => !types || types.some((one) => numeric(one) === type)))
      this.#leaveOut(
        ourWords`the schema has other keywords beside '${keywords.named(keyword)}', whose values are enough`,
      );
    for (const value of values) this.#countValue(value, depth + 1);
    const fitting = values.filter((value) => !types || types.some((type) => isOfType(value, type)));
    if (fitting.length === 0)
      throw new Refusal(ourWords`the schema's '${keywords.named(keyword)}' has no value of its type`);
    return { kind: "literal", texts: [...new Set(fitting.map((value) => JSON.stringify(value)))] };
  }

  #countValue(value: unknown, depth: number): void {
    this.#count(depth);
    // Above, not every digit that was sent has arrived.
    if (typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER)
      throw new Refusal(
        ourWords`the schema has a number that is too large: a constant is kept exactly up to 2^53 - 1; as a string it may be any`,
      );
    if (typeof value === "object" && value !== null)
      for (const part of Object.values(value)) this.#countValue(part, depth + 1);
  }

  /** Undefined where a schema names none. */
  #types(node: Node): readonly JsonType[] | undefined {
    const given = node["type"];
    if (given === undefined) return undefined;
    const list: readonly unknown[] = Array.isArray(given) ? given : [given];
    const types = keywords.jsonTypes.filter((type) => list.includes(type));
    if (types.length === 0 || types.length < new Set(list).size)
      throw new Refusal(ourWords`the schema has a 'type' that JSON Schema does not know`);
    return node["nullable"] === true && !types.includes("null") ? [...types, "null"] : types;
  }

  #typed(node: Node, depth: number): Shape {
    const named = this.#types(node);
    const of = (named ?? keywords.impliedTypes(node)).map((type) => this.#ofType(type, node, depth));
    if (!named) for (const shape of of) this.#typeless.add(shape);
    return of.length === 0 ? { kind: "any" } : choiceOf(of);
  }

  #ofType(type: JsonType, node: Node, depth: number): Shape {
    switch (type) {
      case "object":
        return this.#object(node, depth);
      case "array":
        return this.#array(node, depth);
      case "string":
        return this.#strings.read(node);
      case "integer":
      case "number":
        return readNumber(type, node, (words) => this.#leaveOut(words));
      case "boolean":
      case "null":
        return { kind: type };
    }
  }

  /** Members come in the order of `properties`. None is written that is not named, unless none is. */
  #object(node: Node, depth: number): Shape {
    this.#cannot(keywords.unenforcedIn(node, "object"));
    const properties = node["properties"] ?? {};
    if (!keywords.isNode(properties)) throw new Refusal(keywords.isMisread("properties"));
    const required = new Set(requiredIn(node));
    const members = namesAsWritten(properties).map((name): Member => ({
      name,
      shape: this.#shape(properties[name], depth + 1),
      required: required.delete(name),
    }));
    const further = node["additionalProperties"];
    const isClosed = further === false;
    const other = isClosed ? undefined : this.#shape(further ?? true, depth + 1);
    for (const name of required) {
      this.#count(depth + 1);
      if (!other) this.#leaveOut(ourWords`the schema requires a member that it does not allow`);
      members.push({ name, shape: other ?? { kind: "any" }, required: true });
    }
    return { kind: "object", members, rest: members.length > 0 ? undefined : other };
  }

  #array(node: Node, depth: number): Shape {
    this.#cannot(keywords.unenforcedIn(node, "array"));
    const bounds = this.#itemBounds(node);
    // Where there can be no item, none is described.
    const items = bounds.max === 0 ? true : (node["items"] ?? true);
    return { kind: "array", items: this.#shape(items, depth + 1), ...bounds };
  }

  #itemBounds(node: Node): { readonly min: number; readonly max: number | undefined } {
    const leaveOut = (words: OurWords) => this.#leaveOut(words);
    const min = keywords.countOf(node, "minItems", ITEMS_BOUND_MAX, leaveOut) ?? 0;
    const max = keywords.countOf(node, "maxItems", ITEMS_BOUND_MAX, leaveOut);
    if (max !== undefined && min > max) throw new Refusal(ourWords`the schema's 'minItems' is above its 'maxItems'`);
    if (this.#itemsBounds + (max ?? min) <= ITEMS_BOUNDS_SUM_MAX) {
      this.#itemsBounds += max ?? min;
      return { min, max };
    }
    this.#leaveOut(
      ourWords`'minItems' and 'maxItems' cannot be enforced above ${ITEMS_BOUNDS_SUM_MAX}, all of a schema together`,
    );
    return { min: 0, max: undefined };
  }
}

/** RFC 6901, inside a URI's fragment. */
function targetOf(whole: unknown, pointer: string): unknown {
  if (pointer === "#") return whole;
  if (!pointer.startsWith("#/")) return undefined;
  let target = whole;
  for (const part of pointer.slice(2).split("/")) {
    const key = unescaped(part);
    if (key === undefined || typeof target !== "object" || target === null || !Object.hasOwn(target, key))
      return undefined;
    target = Reflect.get(target, key);
  }
  return target;
}

function unescaped(part: string): string | undefined {
  try {
    return decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return undefined;
  }
}

function requiredIn(node: Node): readonly string[] {
  const required = node["required"] ?? [];
  if (Array.isArray(required) && required.every((name) => typeof name === "string")) return required;
  throw new Refusal(keywords.isMisread("required"));
}

const choiceOf = (of: readonly Shape[]): Shape => (of.length === 1 && of[0] ? of[0] : { kind: "choice", of });

const numeric = (type: JsonType): JsonType => (type === "integer" ? "number" : type);

function isOfType(value: unknown, type: JsonType): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return keywords.isNode(value);
    case "integer":
      return Number.isInteger(value);
    case "string":
    case "number":
    case "boolean":
      return typeof value === type;
  }
}
