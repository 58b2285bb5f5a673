import type { Arguments, Compared, Comparison, Expression, Operator } from "./ast.ts";
import { TokenReader } from "./token-reader.ts";

const constants: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null],
]);
const comparisons = new Set(["==", "!=", "<", "<=", ">", ">="]);
const none: Arguments = { positional: [], named: [] };

/** Reads expressions, with Jinja2's precedence, which is not quite Python's. */
export class ExpressionReader extends TokenReader {
  expression(): Expression {
    let value = this.#or();
    while (this.skipName("if")) {
      const test = this.#or();
      const no = this.skipName("else") ? this.expression() : undefined;
      value = { kind: "condition", test, yes: value, no };
    }
    return value;
  }

  /** One expression, or several with commas between: a tuple. @param withConditions `if` may belong to it */
  tuple(withConditions = true): Expression {
    const one = () => (withConditions ? this.expression() : this.#or());
    const first = one();
    if (!this.isOperator(",")) return first;
    const items = [first];
    while (this.skip(",") && !this.#endsTuple()) items.push(one());
    return { kind: "tuple", items };
  }

  #endsTuple(): boolean {
    const { kind } = this.token;
    return (
      kind === "end_block" || kind === "end_output" || this.isOperator(")") || this.isOperator("=") || this.isName("in")
    );
  }

  #or(): Expression {
    let left = this.#and();
    while (this.skipName("or")) left = { kind: "or", left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.skipName("and")) left = { kind: "and", left, right: this.#not() };
    return left;
  }

  #not(): Expression {
    return this.skipName("not") ? { kind: "not", of: this.#not() } : this.#comparison();
  }

  #comparison(): Expression {
    const first = this.#sum();
    const others: Compared[] = [];
    for (;;) {
      const operator = this.#comparisonOperator();
      if (operator === undefined) break;
      others.push({ operator, with: this.#sum() });
    }
    return others.length === 0 ? first : { kind: "comparison", first, others };
  }

  #comparisonOperator(): Comparison | undefined {
    if (this.skipName("in")) return "in";
    if (this.isName("not") && this.isName("in", 1)) {
      this.next();
      this.next();
      return "not in";
    }
    if (this.token.kind !== "operator" || !comparisons.has(this.token.text)) return undefined;
    return this.next().text as Comparison;
  }

  #chain(operators: readonly Operator[], next: () => Expression): Expression {
    let left = next();
    for (;;) {
      const operator = operators.find((one) => this.isOperator(one));
      if (operator === undefined) return left;
      this.next();
      left = { kind: "operation", operator, left, right: next() };
    }
  }

  #sum(): Expression {
    return this.#chain(["+", "-"], () => this.#chain(["~"], () => this.#product()));
  }

  #product(): Expression {
    return this.#chain(["*", "/", "//", "%"], () => this.#chain(["**"], () => this.#unary(true)));
  }

  #unary(withFilters: boolean): Expression {
    let value: Expression;
    if (this.skip("-")) value = { kind: "minus", of: this.#unary(false) };
    else if (this.skip("+")) value = { kind: "plus", of: this.#unary(false) };
    else value = this.primary();
    value = this.postfix(value);
    return withFilters ? this.filters(value) : value;
  }

  primary(): Expression {
    const { kind, text } = this.token;
    if (kind === "name") {
      this.next();
      const constant = constants.get(text);
      return constant === undefined ? { kind: "name", name: text } : { kind: "constant", value: constant };
    }
    if (kind === "string") {
      let value = "";
      while (this.token.kind === "string") value += this.next().text;
      return { kind: "constant", value };
    }
    if (kind === "integer" || kind === "float") {
      const digits = this.next().text.replaceAll("_", "");
      return { kind: "constant", value: kind === "integer" ? BigInt(digits) : Number(digits) };
    }
    if (this.skip("(")) return this.#parenthesized();
    if (this.skip("[")) return { kind: "list", items: this.#until("]", () => this.expression()) };
    if (this.skip("{")) return { kind: "dict", members: this.#until("}", () => this.#member()) };
    throw this.fault("an expression");
  }

  #member(): readonly [Expression, Expression] {
    const name = this.expression();
    this.expect(":");
    return [name, this.expression()];
  }

  #parenthesized(): Expression {
    if (this.skip(")")) return { kind: "tuple", items: [] };
    const value = this.tuple();
    this.expect(")");
    return value;
  }

  #until<Item>(end: string, item: () => Item): Item[] {
    const items: Item[] = [];
    while (!this.skip(end)) {
      if (items.length > 0) this.expect(",");
      if (this.skip(end)) break;
      items.push(item());
    }
    return items;
  }

  postfix(start: Expression): Expression {
    let value = start;
    for (;;) {
      if (this.skip(".")) {
        const { kind, text } = this.next();
        if (kind === "name") value = { kind: "attribute", of: value, name: text };
        else if (kind === "integer") value = { kind: "item", of: value, at: { kind: "constant", value: BigInt(text) } };
        else throw this.fault("a name or a number");
      } else if (this.skip("[")) value = this.#subscript(value);
      else if (this.isOperator("(")) value = { kind: "call", callee: value, args: this.arguments() };
      else return value;
    }
  }

  #subscript(of: Expression): Expression {
    const bounds: (Expression | undefined)[] = [];
    let colons = 0;
    let waits = true;
    while (!this.skip("]")) {
      if (this.skip(":")) {
        if (waits) bounds.push(undefined);
        colons++;
        waits = true;
      } else if (waits) {
        bounds.push(this.expression());
        waits = false;
        if (this.isOperator(",")) throw this.fault("]");
      } else throw this.fault("]");
    }
    if (colons > 2) throw this.fault("]");
    if (colons > 0) return { kind: "slice", of, bounds };
    const [at] = bounds;
    if (!at) throw this.fault("an expression");
    return { kind: "item", of, at };
  }

  filters(start: Expression): Expression {
    let value = start;
    for (;;) {
      if (this.skip("|")) value = this.#filter(value);
      else if (this.skipName("is")) value = this.#test(value);
      else if (this.isOperator("(")) value = { kind: "call", callee: value, args: this.arguments() };
      else return value;
    }
  }

  #filter(of: Expression | undefined): Expression {
    const name = this.dotted();
    return { kind: "filter", of, name, args: this.isOperator("(") ? this.arguments() : none };
  }

  /** The filters of a block, which have nothing before the first. */
  blockFilters(): Expression {
    const first = this.#filter(undefined);
    return this.filters(first);
  }

  #test(of: Expression): Expression {
    const negated = this.skipName("not");
    const { kind, text } = this.token;
    // `is == 1` and its kind are tests by the names of operators.
    const name =
      kind === "operator" && comparisons.has(text)
        ? this.next().text
        : this.isName("in")
          ? this.next().text
          : this.dotted();
    let args = none;
    if (this.isOperator("(")) args = this.arguments();
    else if (this.#beginsArgument()) args = { positional: [this.postfix(this.primary())], named: [] };
    const test: Expression = { kind: "test", of, name, args };
    return negated ? { kind: "not", of: test } : test;
  }

  #beginsArgument(): boolean {
    const { kind, text } = this.token;
    if (kind === "name") return !["else", "or", "and", "if", "is", "in", "not", "recursive"].includes(text);
    return kind === "string" || kind === "integer" || kind === "float" || this.isOperator("[") || this.isOperator("{");
  }

  arguments(): Arguments {
    this.expect("(");
    const positional: Expression[] = [];
    const named: [string, Expression][] = [];
    let spread: Expression | undefined;
    let namedSpread: Expression | undefined;
    let count = 0;
    while (!this.skip(")")) {
      if (count++ > 0) {
        this.expect(",");
        if (this.skip(")")) break;
      }
      if (this.skip("**")) namedSpread = this.expression();
      else if (this.skip("*")) spread = this.expression();
      else if (this.token.kind === "name" && this.isOperator("=", 1)) {
        const name = this.next().text;
        this.next();
        named.push([name, this.expression()]);
      } else if (named.length > 0 || spread) throw this.fault("an argument with a name");
      else positional.push(this.expression());
    }
    return { positional, named, spread, namedSpread };
  }
}
