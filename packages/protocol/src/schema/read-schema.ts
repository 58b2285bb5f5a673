import { ourWords, type OurWords } from "../ids.ts";
import { type Member, type Schema, type Shape, type StringFormat, stringFormats } from "./shape.ts";

/** Levels of a schema, and schemas in it: more are refused, so that a small body cannot ask for much work. */
export const SCHEMA_DEPTH_MAX = 32;
export const SCHEMA_NODES_MAX = 5_000;
/** Grammars spell a repetition out: larger bounds cost more than they are worth. */
export const STRING_BOUND_CHARS_MAX = 1_000;
export const ITEMS_BOUND_MAX = 256;
/** Integers have no more digits than this, bounded or not, so that every reader takes them as they are. */
const INTEGER_MAX = 999_999_999_999_999;

/** Keywords of JSON Schema (draft 2020-12 and earlier) that a grammar does not enforce here. */
const unenforced = [
  "pattern",
  "not",
  "if",
  "then",
  "else",
  "dependencies",
  "dependentRequired",
  "dependentSchemas",
  "patternProperties",
  "propertyNames",
  "unevaluatedProperties",
  "unevaluatedItems",
  "contains",
  "minContains",
  "maxContains",
  "uniqueItems",
  "prefixItems",
  "additionalItems",
  "minProperties",
  "maxProperties",
  "$dynamicRef",
] as const;

type Node = Readonly<Record<string, unknown>>;

/** What a schema asks for cannot be enforced, or it is none. */
class Refusal extends Error {
  readonly words: OurWords;
  constructor(words: OurWords) {
    super(words);
    this.words = words;
  }
}

const cannot = (keyword: string): OurWords =>
  ourWords`the keyword '${keyword as OurWords}' cannot be enforced while a model writes; leave it out, or leave 'strict' out`;

/**
 * Reads a JSON Schema. `exact`: every document that is written to the result is valid by the schema, or
 * the schema is refused. `relaxed`: what cannot be enforced is left out.
 *
 * Never throws, and says nothing of the caller's words.
 */
export function readSchema(
  schema: unknown,
  mode: "exact" | "relaxed",
): { readonly schema: Schema } | { readonly refused: OurWords } {
  try {
    return { schema: new Reader(schema, mode === "exact").read() };
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.words };
    throw error;
  }
}

class Reader {
  readonly #whole: unknown;
  readonly #exact: boolean;
  readonly #defs = new Map<string, Shape>();
  readonly #nameOfPointer = new Map<string, string>();
  #nodes = 0;

  constructor(whole: unknown, exact: boolean) {
    this.#whole = whole;
    this.#exact = exact;
  }

  read(): Schema {
    const root = this.#shape(this.#whole, 0);
    const schema = { root, defs: this.#defs };
    for (const shape of [root, ...this.#defs.values()])
      if (leadsToItself(schema, shape, new Set()))
        throw new Refusal(ourWords`a reference in the schema leads to itself`);
    return schema;
  }

  #shape(given: unknown, depth: number): Shape {
    if (depth > SCHEMA_DEPTH_MAX) throw new Refusal(ourWords`the schema has more than ${SCHEMA_DEPTH_MAX} levels`);
    if (++this.#nodes > SCHEMA_NODES_MAX)
      throw new Refusal(ourWords`the schema has more than ${SCHEMA_NODES_MAX} schemas in it`);
    if (given === true) return { kind: "any" };
    if (!isNode(given)) throw new Refusal(ourWords`a schema is an object`);
    for (const keyword of unenforced)
      if (given[keyword] !== undefined && given[keyword] !== false) this.#leaveOut(keyword);
    const shape = this.#byKeyword(given, depth);
    if (given["nullable"] === true) return { kind: "choice", of: [shape, { kind: "null" }] };
    return shape;
  }

  #leaveOut(keyword: string): void {
    if (this.#exact) throw new Refusal(cannot(keyword));
  }

  #byKeyword(node: Node, depth: number): Shape {
    if (typeof node["$ref"] === "string") return this.#reference(node["$ref"], depth);
    if (node["const"] !== undefined) return literalOf([node["const"]]);
    if (Array.isArray(node["enum"]) && node["enum"].length > 0) return literalOf(node["enum"]);
    for (const keyword of ["anyOf", "oneOf", "allOf"] as const) {
      const branches: unknown = node[keyword];
      if (Array.isArray(branches) && branches.length > 0) return this.#branches(keyword, branches, depth);
    }
    const type = node["type"];
    if (Array.isArray(type) && type.length > 0)
      return { kind: "choice", of: type.map((one: unknown) => this.#typed(one, node, depth)) };
    return this.#typed(type ?? impliedType(node), node, depth);
  }

  #branches(keyword: "anyOf" | "oneOf" | "allOf", branches: readonly unknown[], depth: number): Shape {
    if (keyword === "allOf") {
      if (branches.length === 1) return this.#shape(branches[0], depth + 1);
      this.#leaveOut(keyword);
      return { kind: "any" };
    }
    const of = branches.map((branch) => this.#shape(branch, depth + 1));
    if (keyword === "oneOf" && !areDisjoint(of)) this.#leaveOut(keyword);
    return { kind: "choice", of };
  }

  #typed(type: unknown, node: Node, depth: number): Shape {
    switch (type) {
      case undefined:
        return { kind: "any" };
      case "object":
        return this.#object(node, depth);
      case "array":
        return {
          kind: "array",
          items: node["items"] === undefined ? { kind: "any" } : this.#shape(node["items"], depth + 1),
          min: this.#bound(node, "minItems", ITEMS_BOUND_MAX) ?? 0,
          max: this.#bound(node, "maxItems", ITEMS_BOUND_MAX),
        };
      case "string":
        return this.#string(node);
      case "integer":
        return this.#integer(node);
      case "number":
        for (const keyword of ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"])
          if (typeof node[keyword] === "number") this.#leaveOut(keyword);
        return { kind: "number" };
      case "boolean":
      case "null":
        return { kind: type };
      default:
        throw new Refusal(ourWords`the schema has a 'type' that JSON Schema does not know`);
    }
  }

  /** Members come in the order of `properties`. None is written that is not named there, unless there are none. */
  #object(node: Node, depth: number): Shape {
    const properties = isNode(node["properties"]) ? Object.entries(node["properties"]) : [];
    const required = new Set(Array.isArray(node["required"]) ? node["required"].filter(isString) : []);
    const members = properties.map(([name, given]): Member => ({
      name,
      shape: this.#shape(given, depth + 1),
      required: required.delete(name),
    }));
    for (const name of required) members.push({ name, shape: { kind: "any" }, required: true });
    const more = node["additionalProperties"];
    const rest =
      members.length > 0 || more === false
        ? undefined
        : more === undefined
          ? ({ kind: "any" } as const)
          : this.#shape(more, depth + 1);
    return { kind: "object", members, rest };
  }

  #string(node: Node): Shape {
    const format = node["format"];
    const known = stringFormats.find((one): one is StringFormat => one === format);
    if (format !== undefined && !known) this.#leaveOut("format");
    const bounds = {
      minChars: this.#bound(node, "minLength", STRING_BOUND_CHARS_MAX) ?? 0,
      maxChars: this.#bound(node, "maxLength", STRING_BOUND_CHARS_MAX),
    };
    if (!known) return { kind: "string", ...bounds };
    if (bounds.minChars > 0) this.#leaveOut("minLength");
    if (bounds.maxChars !== undefined) this.#leaveOut("maxLength");
    return { kind: "string", minChars: 0, maxChars: undefined, format: known };
  }

  #integer(node: Node): Shape {
    const step = node["multipleOf"];
    if (step !== undefined && step !== 1) this.#leaveOut("multipleOf");
    const edge = (inclusive: string, exclusive: string, inward: 1 | -1): number | undefined => {
      const edges = [
        typeof node[inclusive] === "number" ? node[inclusive] : undefined,
        typeof node[exclusive] === "number" ? Math[inward > 0 ? "floor" : "ceil"](node[exclusive]) + inward : undefined,
      ]
        .filter((value) => value !== undefined)
        .map(inward > 0 ? Math.ceil : Math.floor);
      if (edges.length === 0) return undefined;
      const narrowest = inward > 0 ? Math.max(...edges) : Math.min(...edges);
      return Math.min(INTEGER_MAX, Math.max(-INTEGER_MAX, narrowest));
    };
    const min = edge("minimum", "exclusiveMinimum", 1);
    const max = edge("maximum", "exclusiveMaximum", -1);
    if (min !== undefined && max !== undefined && min > max)
      throw new Refusal(ourWords`the schema has a least integer above the greatest`);
    return { kind: "integer", min, max };
  }

  /** Of a repetition. Above what grammars can spell out a least bound is refused and a greatest is none. */
  #bound(node: Node, keyword: string, most: number): number | undefined {
    const bound = node[keyword];
    if (bound === undefined) return undefined;
    if (typeof bound !== "number" || !Number.isInteger(bound) || bound < 0)
      throw new Refusal(ourWords`'${keyword as OurWords}' is a whole number, at least 0`);
    if (bound <= most) return bound;
    if (this.#exact) throw new Refusal(ourWords`'${keyword as OurWords}' cannot be enforced above ${most}`);
    return undefined;
  }

  #reference(pointer: string, depth: number): Shape {
    const known = this.#nameOfPointer.get(pointer);
    if (known !== undefined) return { kind: "ref", name: known };
    const target = targetOf(this.#whole, pointer);
    if (target === undefined)
      throw new Refusal(
        ourWords`a reference in the schema leads nowhere; only '#', '#/$defs/…' and '#/definitions/…' are followed`,
      );
    const name = `d${this.#nameOfPointer.size}`;
    this.#nameOfPointer.set(pointer, name);
    this.#defs.set(name, this.#shape(target, depth + 1));
    return { kind: "ref", name };
  }
}

function targetOf(whole: unknown, pointer: string): unknown {
  if (pointer === "#") return whole;
  const [, where, name] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(pointer) ?? [];
  if (where === undefined || name === undefined || !isNode(whole)) return undefined;
  const defs = whole[where];
  const key = name.replaceAll("~1", "/").replaceAll("~0", "~");
  return isNode(defs) && Object.hasOwn(defs, key) ? defs[key] : undefined;
}

function literalOf(values: readonly unknown[]): Shape {
  return { kind: "literal", texts: values.map((value) => JSON.stringify(value)) };
}

function impliedType(node: Node): string | undefined {
  if (node["properties"] !== undefined) return "object";
  return node["items"] === undefined ? undefined : "array";
}

/** A grammar could begin with itself: nothing would be written between a reference and its coming again. */
function leadsToItself(schema: Schema, shape: Shape, seen: ReadonlySet<string>): boolean {
  if (shape.kind === "choice") return shape.of.some((one) => leadsToItself(schema, one, seen));
  if (shape.kind !== "ref") return false;
  const target = schema.defs.get(shape.name);
  return (
    seen.has(shape.name) || (target !== undefined && leadsToItself(schema, target, new Set([...seen, shape.name])))
  );
}

/** Whether no document can be of two of these: other types, or a member whose constant tells them apart. */
function areDisjoint(shapes: readonly Shape[]): boolean {
  const kinds = shapes.map(({ kind }) => (kind === "integer" ? "number" : kind));
  const plain = kinds.every((kind) => !["any", "ref", "choice", "literal"].includes(kind));
  if (plain && new Set(kinds).size === kinds.length) return true;
  if (shapes.every((shape) => shape.kind === "literal")) {
    const texts = shapes.flatMap((shape) => shape.texts);
    return new Set(texts).size === texts.length;
  }
  const [first] = shapes;
  if (first?.kind !== "object") return false;
  return first.members.some(({ name }) => {
    const texts = shapes.flatMap((shape) => tagOf(shape, name));
    return texts.length >= shapes.length && !texts.includes(undefined) && new Set(texts).size === texts.length;
  });
}

function tagOf(shape: Shape, name: string): readonly (string | undefined)[] {
  const member = shape.kind === "object" ? shape.members.find((one) => one.name === name && one.required) : undefined;
  return member?.shape.kind === "literal" ? member.shape.texts : [undefined];
}

const isString = (value: unknown): value is string => typeof value === "string";
const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && !Array.isArray(value);
