/**
 * Finds what decides in a source file, through its syntax tree, and writes the file again so that each change
 * of it can be switched on while it runs: nothing is compiled or loaded again between two of them.
 */
import { parseAst } from "vitest/node";

export type Kind = "condition" | "bound" | "check";

export interface Mutant {
  readonly id: number;
  readonly file: string;
  readonly line: number;
  readonly kind: Kind;
  /** The source of what is changed, on one line. */
  readonly text: string;
  /** What it becomes: `true`, the left or right side, `not`, another operator, `× 1000`. */
  readonly change: string;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}
interface Change {
  readonly kind: Kind;
  readonly change: string;
  readonly code: string;
}

const BORDERS: Readonly<Record<string, string>> = { "<": "<=", "<=": "<", ">": ">=", ">=": ">" };
const COMPARISONS = new Set([...Object.keys(BORDERS), "===", "!==", "in", "instanceof"]);
/** Nodes of the type language that hold an expression; everything else of it is skipped. */
const TYPED_EXPRESSIONS = new Set(["TSAsExpression", "TSSatisfiesExpression", "TSNonNullExpression"]);

/**
 * The mutants of one file, and its text with all of them in it, each behind `globalThis.__mutant?.(id)`.
 * `bounds` are the names whose uses count as bounds.
 */
export function mutate(
  file: string,
  text: string,
  bounds: ReadonlySet<string>,
  firstId: number,
): { mutants: Mutant[]; code: string } {
  const lineOf = (offset: number) => text.slice(0, offset).split("\n").length;
  const raw = (node: Node | undefined) => (node ? text.slice(node.start, node.end) : "");
  const found: { node: Node; changes: Change[]; shorthand: boolean }[] = [];

  const changesOf = (node: Node, tested: "branch" | "loop" | undefined): Change[] => {
    const changes: Change[] = [];
    const add = (change: string, code: string) => changes.push({ kind: "condition", change, code });
    const operator = typeof node["operator"] === "string" ? node["operator"] : "";
    if (tested === "branch") add("true", "true");
    if (tested) add("false", "false");
    if (node.type === "LogicalExpression" && operator !== "??") {
      add("left side", raw(child(node, "left")));
      add("right side", raw(child(node, "right")));
    }
    if (node.type === "BinaryExpression" && COMPARISONS.has(operator)) {
      if (!tested) add("not", `!(${raw(node)})`);
      const border = BORDERS[operator];
      if (border) add(border, `(${raw(child(node, "left"))}) ${border} (${raw(child(node, "right"))})`);
    }
    return changes;
  };
  const note = (node: Node, changes: Change[], shorthand = false) => {
    if (changes.length > 0) found.push({ node, changes, shorthand });
  };

  /** @param within a pattern keeps a bound, and a sentence only tells it */
  const visit = (
    node: Node,
    tested: "branch" | "loop" | undefined,
    shorthand: boolean,
    within: "pattern" | "sentence" | undefined,
  ): void => {
    if (node.type.startsWith("TS") && !TYPED_EXPRESSIONS.has(node.type)) return;
    if (node.type.startsWith("Import") || node.type.startsWith("Export")) {
      const declaration = child(node, "declaration");
      if (declaration) visit(declaration, undefined, false, within);
      if (node.type !== "ImportExpression") return;
    }
    if (node.type === "Identifier") {
      const name = String(node["name"]);
      if (bounds.has(name) && within !== "sentence") {
        const code = `typeof ${name} === "bigint" ? ${name} * 1000n : ${name} * 1000`;
        note(node, [{ kind: "bound", change: "× 1000", code }], shorthand);
      }
      if (!tested) return;
    }
    note(node, changesOf(node, tested));
    const inner = within ?? textOf(node);
    for (const [key, value] of Object.entries(node)) {
      if (key === "parent" || isName(node, key)) continue;
      for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
        if (!isNode(one)) continue;
        const test = key === "test" ? testedBy(node.type) : undefined;
        visit(one, test, node.type === "Property" && node["shorthand"] === true, inner);
      }
    }
  };
  const program: unknown = parseAst(text, { lang: "ts" }, file);
  if (isNode(program)) visit(program, undefined, false, undefined);

  let id = firstId;
  const mutants: Mutant[] = [];
  const inserted: { at: number; text: string; order: number }[] = [];
  for (const { node, changes, shorthand } of found) {
    let before = shorthand ? `${String(node["name"])}: (` : "(";
    for (const { kind, change, code } of changes) {
      mutants.push({ id, file, line: lineOf(node.start), kind, text: raw(node).replaceAll(/\s+/g, " "), change });
      before += `globalThis.__mutant?.(${id++}) ? (${code}) : `;
    }
    // An outer node opens before and closes after the ones within it that begin or end where it does.
    inserted.push({ at: node.start, text: `${before}(`, order: node.start - node.end });
    inserted.push({ at: node.end, text: "))", order: node.end - node.start });
  }
  const closesFirst = (one: { order: number }) => (one.order > 0 ? 0 : 1);
  inserted.sort((a, b) => a.at - b.at || closesFirst(a) - closesFirst(b) || a.order - b.order);
  let code = "";
  let at = 0;
  for (const insertion of inserted) {
    code += text.slice(at, insertion.at) + insertion.text;
    at = insertion.at;
  }
  return { mutants, code: code + text.slice(at) };
}

const isNode = (value: unknown): value is Node => typeof (value as Partial<Node> | null)?.type === "string";

function child(node: Node, key: string): Node | undefined {
  const value = node[key];
  return isNode(value) ? value : undefined;
}

function testedBy(type: string): "branch" | "loop" | undefined {
  if (type === "IfStatement" || type === "ConditionalExpression") return "branch";
  // A loop that never ends is found by the clock alone, so a loop's condition only becomes false.
  return type === "WhileStatement" || type === "ForStatement" ? "loop" : undefined;
}

function textOf(node: Node): "pattern" | "sentence" | undefined {
  if (node.type === "NewExpression" && child(node, "callee")?.["name"] === "RegExp") return "pattern";
  return node.type === "TemplateLiteral" ? "sentence" : undefined;
}

/** Where an identifier is a name and not a value: what is declared, a property's key, a label. */
function isName(node: Node, key: string): boolean {
  if (node.type === "MemberExpression") return key === "property" && node["computed"] !== true;
  if (node.type === "Property" || node.type === "PropertyDefinition" || node.type === "MethodDefinition")
    return key === "key" && node["computed"] !== true;
  if (node.type === "VariableDeclarator") return key === "id" && child(node, "id")?.type === "Identifier";
  return key === "label";
}
