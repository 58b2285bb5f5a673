import type { Value } from "./values.ts";

/** The names that are known at one place: its own, then those around it. */
export class Scope {
  readonly #names = new Map<string, Value>();
  readonly #around: Scope | undefined;

  constructor(around?: Scope) {
    this.#around = around;
  }

  get(name: string): Value {
    return this.#names.has(name) ? this.#names.get(name) : this.#around?.get(name);
  }

  set(name: string, value: Value): void {
    this.#names.set(name, value);
  }
}
