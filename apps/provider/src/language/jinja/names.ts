import type { Block, Expression, Statement, Target } from "./ast.ts";

/** Names that a block reads, wherever they come from. */
export function namesIn(block: Block): ReadonlySet<string> {
  const names = new Set<string>();
  walk(block, (node) => {
    if (node.kind === "name") names.add(node.name);
  });
  return names;
}

/** What of Jinja2 a template uses, to be held against what is known here. */
export interface Uses {
  readonly filters: ReadonlySet<string>;
  readonly tests: ReadonlySet<string>;
  /** Called as `value.method()`. */
  readonly methods: ReadonlySet<string>;
  /** Read before anything in the template sets them: what must come from outside. */
  readonly free: ReadonlySet<string>;
}

export function usesOf(template: Block): Uses {
  const uses = {
    filters: new Set<string>(),
    tests: new Set<string>(),
    methods: new Set<string>(),
    free: new Set<string>(),
    macros: new Set<string>(),
  };
  const set = new Set<string>(["loop", "caller", "varargs", "kwargs"]);
  walk(
    template,
    (node) => {
      if (node.kind === "filter") uses.filters.add(node.name);
      if (node.kind === "test") uses.tests.add(node.name);
      if (node.kind === "call" && "callee" in node && node.callee.kind === "attribute")
        uses.methods.add(node.callee.name);
      if (node.kind === "name" && !set.has(node.name)) uses.free.add(node.name);
    },
    (name) => set.add(name),
    // A macro may name one that is written after it, or itself.
    (macro) => uses.macros.add(macro),
  );
  return { ...uses, free: uses.free.difference(uses.macros) };
}

type Node = Expression;

/** In the order in which a template is written, but what is set after what it is set to. */
function walk(block: Block, see: (node: Node) => void, sets: (name: string) => void = () => {}, defines = sets): void {
  const targets = (target: Target): void => {
    if (target.kind === "name") sets(target.name);
    if (target.kind === "names") target.targets.forEach(targets);
  };
  const expressions = (...nodes: readonly (Expression | undefined)[]): void => {
    for (const node of nodes) if (node) expression(node);
  };
  const expression = (node: Expression): void => {
    see(node);
    switch (node.kind) {
      case "constant":
      case "name":
        return;
      case "list":
      case "tuple":
        return expressions(...node.items);
      case "dict":
        return expressions(...node.members.flat());
      case "attribute":
      case "not":
      case "minus":
      case "plus":
        return expressions(node.of);
      case "item":
        return expressions(node.of, node.at);
      case "slice":
        return expressions(node.of, ...node.bounds);
      case "call":
        return expressions(node.callee, ...given(node.args));
      case "filter":
      case "test":
        return expressions(node.of, ...given(node.args));
      case "and":
      case "or":
      case "operation":
        return expressions(node.left, node.right);
      case "comparison":
        return expressions(node.first, ...node.others.map((other) => other.with));
      case "condition":
        return expressions(node.test, node.yes, node.no);
    }
  };
  const statement = (node: Statement): void => {
    switch (node.kind) {
      case "text":
      case "break":
      case "continue":
        return;
      case "output":
        return expression(node.value);
      case "if":
        expression(node.test);
        node.yes.forEach(statement);
        return node.no.forEach(statement);
      case "for":
        expression(node.over);
        targets(node.target);
        expressions(node.only);
        node.body.forEach(statement);
        return node.otherwise.forEach(statement);
      case "set":
        expression(node.value);
        return targets(node.target);
      case "capture":
        expressions(node.filter);
        node.body.forEach(statement);
        return targets(node.target);
      case "macro":
        defines(node.name);
        for (const { name, otherwise } of node.parameters) {
          expressions(otherwise);
          sets(name);
        }
        return node.body.forEach(statement);
      case "call":
        for (const { name } of node.parameters) sets(name);
        expression(node.call);
        return node.body.forEach(statement);
      case "filtered":
        expression(node.filter);
        return node.body.forEach(statement);
      case "with":
        for (const [target, value] of node.values) {
          expression(value);
          targets(target);
        }
        return node.body.forEach(statement);
    }
  };
  block.forEach(statement);
}

const given = (args: Extract<Expression, { kind: "call" }>["args"]): readonly (Expression | undefined)[] => [
  ...args.positional,
  ...args.named.map(([, value]) => value),
  args.spread,
  args.namedSpread,
];
