import { pushAll } from "@darkbloom/protocol/lists";
import type { Arguments, Block, Expression, Parameter, Statement, Target } from "./ast.ts";
import { failed, unsupported } from "./errors.ts";
import { filters } from "./filters.ts";
import { namesIn } from "./names.ts";
import { compared, attributeOf, itemOf, operated, sliceOf } from "./operations.ts";
import { printed } from "./printing.ts";
import { Scope } from "./scope.ts";
import { tests } from "./tests.ts";
import {
  Callable,
  isNumber,
  isTrue,
  itemsOf,
  type Named,
  Namespace,
  numberOf,
  tupleOf,
  typeOf,
  type Value,
} from "./values.ts";

class LoopEnd extends Error {
  readonly goesOn: boolean;

  constructor(goesOn: boolean) {
    super("outside a loop");
    this.goesOn = goesOn;
  }
}

/** @throws TemplateError */
export function render(template: Block, globals: ReadonlyMap<string, Value>): string {
  const scope = new Scope();
  for (const [name, value] of globals) scope.set(name, value);
  return rendered(template, scope);
}

function rendered(block: Block, scope: Scope): string {
  let text = "";
  for (const statement of block) {
    try {
      text += renderedOne(statement, scope);
    } catch (error) {
      // What a loop's turn had written before it was left stays.
      if (error instanceof LoopEnd) error.message = text + (error.message === "outside a loop" ? "" : error.message);
      throw error;
    }
  }
  return text;
}

function renderedOne(statement: Statement, scope: Scope): string {
  switch (statement.kind) {
    case "text":
      return statement.text;
    case "output":
      return printed(valueOf(statement.value, scope));
    case "if":
      return rendered(isTrue(valueOf(statement.test, scope)) ? statement.yes : statement.no, scope);
    case "for":
      return renderedLoop(statement, valueOf(statement.over, scope), scope, 1);
    case "set":
      assign(statement.target, valueOf(statement.value, scope), scope);
      return "";
    case "capture": {
      const text = rendered(statement.body, new Scope(scope));
      assign(statement.target, statement.filter ? filtered(statement.filter, text, scope) : text, scope);
      return "";
    }
    case "macro":
      scope.set(statement.name, macroOf(statement.name, statement.parameters, statement.body, scope));
      return "";
    case "call": {
      const { callee, args } = statement.call;
      const caller = macroOf("caller", statement.parameters, statement.body, scope);
      const [positional, named] = argumentsOf(args, scope);
      return printed(called(callee, positional, new Map<string, Value>([...named, ["caller", caller]]), scope));
    }
    case "filtered":
      return printed(filtered(statement.filter, rendered(statement.body, new Scope(scope)), scope));
    case "with": {
      const inner = new Scope(scope);
      for (const [target, value] of statement.values) assign(target, valueOf(value, scope), inner);
      return rendered(statement.body, inner);
    }
    case "break":
    case "continue":
      throw new LoopEnd(statement.kind === "continue");
  }
}

function renderedLoop(
  statement: Extract<Statement, { kind: "for" }>,
  over: Value,
  scope: Scope,
  depth: number,
): string {
  const { target, only, body, recursive } = statement;
  const items = itemsOf(over).filter((item) => {
    if (!only) return true;
    const inner = new Scope(scope);
    assign(target, item, inner);
    return isTrue(valueOf(only, inner));
  });
  if (items.length === 0) return rendered(statement.otherwise, new Scope(scope));
  let text = "";
  let last: Value[] | undefined;
  for (const [at, item] of items.entries()) {
    const inner = new Scope(scope);
    const members = new Map<string, Value>([
      ["index", BigInt(at + 1)],
      ["index0", BigInt(at)],
      ["revindex", BigInt(items.length - at)],
      ["revindex0", BigInt(items.length - at - 1)],
      ["first", at === 0],
      ["last", at === items.length - 1],
      ["length", BigInt(items.length)],
      ["previtem", items[at - 1]],
      ["nextitem", items[at + 1]],
      ["depth", BigInt(depth)],
      ["depth0", BigInt(depth - 1)],
      ["cycle", new Callable((values) => values[at % values.length])],
      [
        "changed",
        new Callable((values) => {
          const changed = !last || compared("!=", tupleOf(last), tupleOf(values));
          last = [...values];
          return changed;
        }),
      ],
    ]);
    const loop = new Callable(([inside]) => {
      if (!recursive) throw failed("a loop that is not recursive is called");
      return renderedLoop(statement, inside, scope, depth + 1);
    }, members);
    inner.set("loop", loop);
    assign(target, item, inner);
    try {
      text += rendered(body, inner);
    } catch (error) {
      if (!(error instanceof LoopEnd)) throw error;
      text += error.message;
      if (!error.goesOn) break;
    }
  }
  return text;
}

function assign(target: Target, value: Value, scope: Scope): void {
  switch (target.kind) {
    case "name":
      return scope.set(target.name, value);
    case "member": {
      const space = scope.get(target.of);
      if (!(space instanceof Namespace))
        throw failed(`${target.of}.${target.name} is set, and ${target.of} is no namespace`);
      space.members.set(target.name, value);
      return;
    }
    case "names": {
      const items = itemsOf(value);
      if (items.length !== target.targets.length)
        throw failed(`${items.length} values are given to ${target.targets.length} names`);
      for (const [at, one] of target.targets.entries()) assign(one, items[at], scope);
    }
  }
}

function macroOf(name: string, parameters: readonly Parameter[], body: Block, around: Scope): Callable {
  const takesRest = reads(body, "varargs") || reads(body, "kwargs");
  return new Callable((args, named) => {
    const inner = new Scope(around);
    const others = new Map<Value, Value>(named);
    for (const [at, parameter] of parameters.entries()) {
      const isNamed = others.has(parameter.name);
      const value = at < args.length ? args[at] : isNamed ? others.get(parameter.name) : undefined;
      others.delete(parameter.name);
      const given = at < args.length || isNamed;
      inner.set(parameter.name, !given && parameter.otherwise ? valueOf(parameter.otherwise, inner) : value);
    }
    inner.set("caller", others.get("caller"));
    others.delete("caller");
    if (!takesRest && (args.length > parameters.length || others.size > 0))
      throw failed(`the macro ${name} takes no more than ${parameters.length} arguments`);
    inner.set("varargs", tupleOf(args.slice(parameters.length)));
    inner.set("kwargs", others);
    return rendered(body, inner);
  });
}

const reads = (block: Block, name: string): boolean => namesIn(block).has(name);

function valueOf(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case "constant":
      return expression.value;
    case "name":
      return scope.get(expression.name);
    case "list":
      return expression.items.map((item) => valueOf(item, scope));
    case "tuple":
      return tupleOf(expression.items.map((item) => valueOf(item, scope)));
    case "dict":
      return new Map(expression.members.map(([name, value]) => [valueOf(name, scope), valueOf(value, scope)]));
    case "attribute":
      return attributeOf(valueOf(expression.of, scope), expression.name);
    case "item":
      return itemOf(valueOf(expression.of, scope), valueOf(expression.at, scope));
    case "slice":
      return sliceOf(
        valueOf(expression.of, scope),
        expression.bounds.map((bound) => bound && valueOf(bound, scope)),
      );
    case "call": {
      const [positional, named] = argumentsOf(expression.args, scope);
      return called(expression.callee, positional, named, scope);
    }
    case "filter":
      if (!expression.of) throw failed("a filter has nothing before it");
      return filterOf(expression, valueOf(expression.of, scope), scope);
    case "test": {
      const test = tests.get(expression.name);
      if (!test) throw unsupported(`the test "is ${expression.name}"`);
      return test(valueOf(expression.of, scope), argumentsOf(expression.args, scope)[0]);
    }
    case "not":
      return !isTrue(valueOf(expression.of, scope));
    case "minus":
    case "plus": {
      const value = valueOf(expression.of, scope);
      if (!isNumber(value)) throw failed(`a sign before ${typeOf(value)}`);
      return expression.kind === "plus" ? numberOf(value) : -numberOf(value);
    }
    case "and": {
      const left = valueOf(expression.left, scope);
      return isTrue(left) ? valueOf(expression.right, scope) : left;
    }
    case "or": {
      const left = valueOf(expression.left, scope);
      return isTrue(left) ? left : valueOf(expression.right, scope);
    }
    case "operation":
      return operated(expression.operator, valueOf(expression.left, scope), valueOf(expression.right, scope));
    case "comparison": {
      let left = valueOf(expression.first, scope);
      for (const { operator, with: other } of expression.others) {
        const right = valueOf(other, scope);
        if (!compared(operator, left, right)) return false;
        left = right;
      }
      return true;
    }
    case "condition":
      if (isTrue(valueOf(expression.test, scope))) return valueOf(expression.yes, scope);
      return expression.no && valueOf(expression.no, scope);
  }
}

function argumentsOf(args: Arguments, scope: Scope): [Value[], Map<string, Value>] {
  const positional = args.positional.map((arg) => valueOf(arg, scope));
  if (args.spread) pushAll(positional, itemsOf(valueOf(args.spread, scope)));
  const named = new Map(args.named.map(([name, arg]) => [name, valueOf(arg, scope)]));
  if (args.namedSpread) {
    const more = valueOf(args.namedSpread, scope);
    if (!(more instanceof Map)) throw failed(`** before ${typeOf(more)}`);
    for (const [name, value] of more) named.set(printed(name), value);
  }
  return [positional, named];
}

function called(callee: Expression, args: readonly Value[], named: Named, scope: Scope): Value {
  const value = valueOf(callee, scope);
  if (value instanceof Callable) return value.call(args, named);
  throw failed(`${spelled(callee)} is ${typeOf(value)} and is called`);
}

/** Puts a block's text before its filters. */
function filtered(expression: Expression, text: string, scope: Scope): Value {
  if (expression.kind !== "filter") throw failed("a block takes filters only");
  return filterOf(expression, expression.of ? filtered(expression.of, text, scope) : text, scope);
}

function filterOf({ name, args }: Extract<Expression, { kind: "filter" }>, value: Value, scope: Scope): Value {
  const filter = filters.get(name);
  if (!filter) throw unsupported(`the filter "| ${name}"`);
  return filter(value, ...argumentsOf(args, scope));
}

function spelled(expression: Expression): string {
  if (expression.kind === "name") return expression.name;
  return expression.kind === "attribute" ? `${spelled(expression.of)}.${expression.name}` : "an expression";
}
