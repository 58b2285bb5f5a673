import type * as z from "zod";
import type { Failure } from "../failures.ts";
import type { OurWords, ParamPath } from "../ids.ts";

/** What is said of one field of a dialect's schema when its value is not taken. */
export type FieldRule =
  /** Any other value is a mistake: `body_invalid`. */
  | { readonly expected: OurWords }
  /** Any other value asks for something that is not served: `unsupported`. */
  | { readonly refused: OurWords }
  /** These words are known and not served; any further value is a mistake. */
  | { readonly expected: OurWords; readonly refused: OurWords; readonly refusedWords: readonly string[] };

/** Field paths of a schema, with `*` for any index and `""` for the body itself. */
export type FieldRules = Readonly<Record<string, FieldRule>> & { readonly "": { readonly expected: OurWords } };

type Path = readonly PropertyKey[];

/**
 * The failure that a schema's first issue stands for. Its words come from `rules` and nothing of it
 * from the issue or the body: a path is named as far as `rules` knows it, so that a caller's own keys
 * and values cannot appear in an error, whatever a schema becomes.
 */
export function failureOf(error: z.ZodError, body: unknown, rules: FieldRules): Failure {
  const path = deepestPath(error.issues);
  for (let length = path.length; length > 0; length--) {
    const known = path.slice(0, length);
    const rule = rules[known.map((key) => (typeof key === "number" ? "*" : String(key))).join(".")];
    if (rule) return failureAt(known.map(String).join(".") as ParamPath, rule, valueAt(body, known));
  }
  return { code: "body_invalid", param: null, expected: rules[""].expected };
}

function failureAt(param: ParamPath, rule: FieldRule, value: unknown): Failure {
  if (!("expected" in rule)) return { code: "unsupported", param, reason: rule.refused };
  if ("refusedWords" in rule && typeof value === "string" && rule.refusedWords.includes(value))
    return { code: "unsupported", param, reason: rule.refused };
  return { code: "body_invalid", param, expected: rule.expected };
}

/** Of a union's branches, the one that got furthest is the one that was meant. */
function deepestPath(issues: readonly z.core.$ZodIssue[]): Path {
  const [first] = issues;
  if (first?.code !== "invalid_union") return first?.path ?? [];
  const inner = first.errors
    .map(deepestPath)
    .reduce((deepest, path) => (path.length > deepest.length ? path : deepest), []);
  return [...first.path, ...inner];
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    root,
  );
}
