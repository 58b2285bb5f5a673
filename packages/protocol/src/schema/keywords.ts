import { ourWords, type OurWords } from "../ids.ts";
import { type LeaveOut, Refusal } from "./refusal.ts";

/** Keywords that are not enforced, by the type whose documents they are about. */
const unenforced = {
  any: ["not", "if", "then", "else", "$dynamicRef", "$recursiveRef"],
  object: [
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
  ],
  array: [
    "prefixItems",
    "additionalItems",
    "contains",
    "minContains",
    "maxContains",
    "uniqueItems",
    "unevaluatedItems",
  ],
  number: ["multipleOf"],
} as const;
type Unenforced = (typeof unenforced)[keyof typeof unenforced][number];

/** Values with which they ask for nothing. */
const neutral: Readonly<Partial<Record<Unenforced, (value: unknown) => boolean>>> = {
  patternProperties: (value) => isNode(value) && Object.keys(value).length === 0,
  // As zod writes a record.
  propertyNames: (value) => isNode(value) && Object.keys(value).length === 1 && value["type"] === "string",
  minProperties: (value) => value === 0,
  uniqueItems: (value) => value === false,
};

/** A schema that names no type means those whose keywords it uses. */
const ofType = {
  object: ["properties", "required", "additionalProperties", ...unenforced.object],
  array: ["items", "minItems", "maxItems", ...unenforced.array],
  string: ["minLength", "maxLength", "pattern", "format"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", ...unenforced.number],
} as const;
const combiners = ["$ref", "allOf", "anyOf", "oneOf"] as const;
type Combiner = (typeof combiners)[number];

/** Every keyword that may be named in an answer: it is one of ours, whoever sent a schema with it. */
export type Keyword =
  | Unenforced
  | (typeof ofType)[keyof typeof ofType][number]
  | Combiner
  | "const"
  | "enum"
  | "type"
  | "$id";

export const jsonTypes = ["object", "array", "string", "number", "integer", "boolean", "null"] as const;
export type JsonType = (typeof jsonTypes)[number];

export type Node = Readonly<Record<string, unknown>>;
export const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const has = (node: Node, keyword: Keyword): boolean => node[keyword] !== undefined;

/** The first keyword of `group` in `node` that asks for what is not enforced. */
export const unenforcedIn = (node: Node, group: keyof typeof unenforced): Keyword | undefined =>
  unenforced[group].find((keyword) => has(node, keyword) && neutral[keyword]?.(node[keyword]) !== true);

/** What puts a schema together of others. */
export const combinersIn = (node: Node): readonly Combiner[] =>
  combiners.filter((keyword) => has(node, keyword) && !(keyword === "allOf" && allOfPatterns(node)));

/** The patterns of an `allOf` of nothing but patterns: as zod writes several of one string. */
export function allOfPatterns(node: Node): readonly unknown[] | undefined {
  const branches: unknown = node["allOf"];
  if (!Array.isArray(branches) || branches.length === 0) return undefined;
  const patterns = branches.flatMap((branch: unknown) =>
    isNode(branch) && Object.keys(branch).length === 1 && branch["pattern"] !== undefined ? [branch["pattern"]] : [],
  );
  return patterns.length === branches.length ? patterns : undefined;
}

/** Whether a schema says something of its own, beside what it puts together. */
export const constrainsItself = (node: Node): boolean =>
  (["const", "enum", "type", ...Object.values(ofType).flat()] as const).some((keyword) => has(node, keyword));

export const impliedTypes = (node: Node): readonly (keyof typeof ofType)[] =>
  (["object", "array", "string", "number"] as const).filter(
    (type) =>
      ofType[type].some((keyword) => has(node, keyword)) || (type === "string" && allOfPatterns(node) !== undefined),
  );

export const named = (keyword: Keyword): OurWords => keyword as string as OurWords;

export const cannotEnforce = (keyword: Keyword): OurWords =>
  ourWords`the keyword '${named(keyword)}' cannot be enforced while a model writes; leave it out, or leave 'strict' out`;
export const cannotEnforceAbove = (keyword: Keyword, most: number): OurWords =>
  ourWords`'${named(keyword)}' cannot be enforced above ${most}`;
export const isMisread = (keyword: Keyword): OurWords =>
  ourWords`the schema's '${named(keyword)}' is not as JSON Schema has it`;

/** A bound of how many. One above `most` is left out. */
export function countOf(node: Node, keyword: Keyword, most: number, leaveOut: LeaveOut): number | undefined {
  const count = node[keyword];
  if (count === undefined) return undefined;
  if (typeof count !== "number" || !Number.isInteger(count) || count < 0)
    throw new Refusal(ourWords`'${named(keyword)}' is a whole number, at least 0`);
  if (count <= most) return count;
  leaveOut(cannotEnforceAbove(keyword, most));
  return undefined;
}
