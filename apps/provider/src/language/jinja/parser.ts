import { pushAll } from "@darkbloom/protocol/lists";
import type { Block, Expression, Parameter, Statement, Target } from "./ast.ts";
import { unsupported } from "./errors.ts";
import { ExpressionReader } from "./expressions.ts";
import { tokensOf } from "./lexer.ts";

/** @throws TemplateError with the line */
export const parse = (source: string): Block => new TemplateReader(tokensOf(source)).template();

class TemplateReader extends ExpressionReader {
  template(): Block {
    const block = this.#block([]);
    if (this.token.kind !== "end") throw this.fault("the end");
    return block;
  }

  /** Up to one of these tags, which is left with its name to read. */
  #block(ends: readonly string[]): Block {
    const block: Statement[] = [];
    for (;;) {
      const { kind } = this.token;
      if (kind === "text") block.push({ kind: "text", text: this.next().text });
      else if (kind === "begin_output") {
        this.next();
        block.push({ kind: "output", value: this.tuple() });
        this.#close("end_output");
      } else if (kind === "begin_block") {
        this.next();
        if (ends.some((name) => this.isName(name))) return block;
        pushAll(block, this.#statement());
      } else if (ends.length === 0) return block;
      else throw this.fault(`{% ${ends.at(-1) ?? ""} %}`);
    }
  }

  #close(kind: "end_block" | "end_output" = "end_block"): void {
    if (this.token.kind !== kind) throw this.fault(kind === "end_block" ? "%}" : "}}");
    this.next();
  }

  /** The block of a tag that has just been read, with its end. */
  #bodyTo(end: string): Block {
    this.#close();
    const body = this.#block([end]);
    this.next();
    this.#close();
    return body;
  }

  #statement(): readonly Statement[] {
    const { line } = this.token;
    const name = this.name();
    switch (name) {
      case "if":
        return [this.#if()];
      case "for":
        return [this.#for()];
      case "set":
        return [this.#set()];
      case "macro": {
        const macro = this.name();
        const parameters = this.#parameters();
        return [{ kind: "macro", name: macro, parameters, body: this.#bodyTo("endmacro") }];
      }
      case "call": {
        const parameters = this.isOperator("(") ? this.#parameters() : [];
        const call = this.postfix(this.primary());
        if (call.kind !== "call") throw this.fault("a call");
        return [{ kind: "call", call, parameters, body: this.#bodyTo("endcall") }];
      }
      case "filter": {
        const filter = this.blockFilters();
        return [{ kind: "filtered", filter, body: this.#bodyTo("endfilter") }];
      }
      case "with": {
        const values: (readonly [Target, Expression])[] = [];
        while (this.token.kind !== "end_block") {
          if (values.length > 0) this.expect(",");
          const target = this.#target();
          this.expect("=");
          values.push([target, this.expression()]);
        }
        return [{ kind: "with", values, body: this.#bodyTo("endwith") }];
      }
      case "generation":
        // Marks what is learned from in training; rendered as it stands.
        return this.#bodyTo("endgeneration");
      case "break":
      case "continue":
        this.#close();
        return [{ kind: name }];
      default:
        throw unsupported(`line ${line}: {% ${name} %}`);
    }
  }

  #if(): Statement {
    const test = this.tuple(false);
    this.#close();
    const yes = this.#block(["elif", "else", "endif"]);
    if (this.skipName("elif")) return { kind: "if", test, yes, no: [this.#if()] };
    if (this.skipName("else")) return { kind: "if", test, yes, no: this.#bodyTo("endif") };
    this.next();
    this.#close();
    return { kind: "if", test, yes, no: [] };
  }

  #for(): Statement {
    const target = this.#target();
    if (!this.skipName("in")) throw this.fault("in");
    const over = this.tuple(false);
    const only = this.skipName("if") ? this.expression() : undefined;
    const recursive = this.skipName("recursive");
    this.#close();
    const body = this.#block(["else", "endfor"]);
    let otherwise: Block = [];
    if (this.skipName("else")) otherwise = this.#bodyTo("endfor");
    else {
      this.next();
      this.#close();
    }
    return { kind: "for", target, over, only, recursive, body, otherwise };
  }

  #set(): Statement {
    const target = this.#target();
    if (this.skip("=")) {
      const value = this.tuple();
      this.#close();
      return { kind: "set", target, value };
    }
    const filter = this.skip("|") ? this.blockFilters() : undefined;
    return { kind: "capture", target, filter, body: this.#bodyTo("endset") };
  }

  #target(): Target {
    const one = (): Target => {
      if (this.skip("(")) {
        const inner = this.#target();
        this.expect(")");
        return inner;
      }
      const name = this.name();
      return this.skip(".") ? { kind: "member", of: name, name: this.name() } : { kind: "name", name };
    };
    const first = one();
    if (!this.isOperator(",")) return first;
    const targets = [first];
    while (this.skip(",") && !this.isName("in") && !this.isOperator("=")) targets.push(one());
    return { kind: "names", targets };
  }

  #parameters(): readonly Parameter[] {
    const parameters: Parameter[] = [];
    this.expect("(");
    while (!this.skip(")")) {
      if (parameters.length > 0) this.expect(",");
      if (this.skip(")")) break;
      const name = this.name();
      parameters.push({ name, otherwise: this.skip("=") ? this.expression() : undefined });
    }
    return parameters;
  }
}
