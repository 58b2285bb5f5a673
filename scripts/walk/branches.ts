import { parseAst } from "vitest/node";

interface Node {
  readonly type: string;
  readonly end: number;
  readonly [key: string]: unknown;
}

const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);
const BRANCHES = new Set([
  "IfStatement",
  "ConditionalExpression",
  "LogicalExpression",
  "SwitchStatement",
  "ForStatement",
  "ForOfStatement",
  "ForInStatement",
  "WhileStatement",
  "DoWhileStatement",
  "CatchClause",
]);

/** Where the functions end, as offsets, that hold a branch or a loop of their own, outside of functions within them. */
export function functionsWithBranch(path: string, text: string): ReadonlySet<number> {
  const found = new Set<number>();
  const visit = (value: unknown, within: Node | undefined): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item, within);
      return;
    }
    if (!isNode(value)) return;
    if (within && BRANCHES.has(value.type)) found.add(within.end);
    const next = FUNCTIONS.has(value.type) ? value : within;
    for (const child of Object.values(value)) visit(child, next);
  };
  visit(parseAst(text, { lang: path.endsWith(".ts") ? "ts" : "js" }), undefined);
  return found;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
