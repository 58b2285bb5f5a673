import { failed, type TemplateError } from "./errors.ts";
import type { Token } from "./lexer.ts";

const end: Token = { kind: "end", text: "", line: 0 };

/** One token after the other. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get token(): Token {
    return this.#tokens[this.#at] ?? end;
  }

  next(): Token {
    const { token } = this;
    this.#at++;
    return token;
  }

  isOperator(text: string, ahead = 0): boolean {
    const token = this.#tokens[this.#at + ahead];
    return token?.kind === "operator" && token.text === text;
  }

  isName(text: string, ahead = 0): boolean {
    const token = this.#tokens[this.#at + ahead];
    return token?.kind === "name" && token.text === text;
  }

  skip(operator: string): boolean {
    if (!this.isOperator(operator)) return false;
    this.#at++;
    return true;
  }

  skipName(name: string): boolean {
    if (!this.isName(name)) return false;
    this.#at++;
    return true;
  }

  expect(operator: string): void {
    if (!this.skip(operator)) throw this.fault(operator);
  }

  name(): string {
    if (this.token.kind !== "name") throw this.fault("a name");
    return this.next().text;
  }

  dotted(): string {
    let name = this.name();
    while (this.skip(".")) name += `.${this.name()}`;
    return name;
  }

  fault(wanted: string): TemplateError {
    const { kind, text, line } = this.token;
    return failed(`line ${line}: ${wanted} is expected, not ${text === "" ? kind.replaceAll("_", " ") : `"${text}"`}`);
  }
}
