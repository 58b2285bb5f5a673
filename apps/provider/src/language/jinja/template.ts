import { unsupported } from "./errors.ts";
import { filters } from "./filters.ts";
import { globalNames, globals } from "./globals.ts";
import { missingMethods } from "./methods.ts";
import { usesOf } from "./names.ts";
import { parse } from "./parser.ts";
import { render } from "./renderer.ts";
import { tests } from "./tests.ts";
import type { Block } from "./ast.ts";
import type { Value } from "./values.ts";

/**
 * A template in Jinja2, as the tools that chat templates are written for render it: Python's values,
 * `trim_blocks`, `lstrip_blocks`, loop controls, generation blocks, nothing that changes a value.
 *
 * Libraries for JavaScript have JavaScript's values: a dict printed as JSON, `True` as `true`, lists that
 * are never equal, numbers of more than 15 digits rounded. Each of these is another prompt than the model
 * was trained on.
 */
export class JinjaTemplate {
  /** Names that it reads and does not set. */
  readonly free: ReadonlySet<string>;
  readonly #block: Block;

  /** @throws TemplateError where it cannot be read, or uses what is not known here, which it names */
  constructor(source: string) {
    this.#block = parse(source);
    const uses = usesOf(this.#block);
    for (const name of uses.filters) if (!filters.has(name)) throw unsupported(`the filter "| ${name}"`);
    for (const name of uses.tests) if (!tests.has(name)) throw unsupported(`the test "is ${name}"`);
    for (const name of uses.methods) if (missingMethods.has(name)) throw unsupported(`the method ".${name}()"`);
    this.free = new Set([...uses.free].filter((name) => !globalNames.has(name)));
  }

  /** @throws TemplateError */
  render(values: Iterable<readonly [string, Value]>, nowMs: number): string {
    return render(this.#block, new Map([...globals(nowMs), ...values]));
  }
}
