/** What a process that runs tests of the copy is told, and what it tells, through files in its folder. */

/** The number of a mutant, or the id of a check that always passes; one that ends with a dot is the beginning of several. */
export type On = number | string;

/** Nothing is on but what `on` says; or the order to note what each test comes by; or many in turn, by the tests that come by them. */
export type Switch = { readonly on: On } | { readonly record: true } | { readonly turns: Turns };
export type Turns = Readonly<Record<string, readonly On[]>>;

/** By a test's id, or "outside" of tests: the mutants and checks that it came by. */
export type Reached = Readonly<Record<string, readonly On[]>>;

/**
 * One turn of one mutant in one test. It ends with `seen` where the test failed and passes again without the mutant, with
 * `met` or `missed` where it did not fail, and with `spoiled` where it fails without the mutant too.
 */
export interface TurnEvent {
  readonly on: On;
  readonly id: string;
  readonly what: "begins" | "seen" | "met" | "missed" | "spoiled";
  /** The test's name, where it saw. */
  readonly test?: string;
}

export const isOn = (on: On, what: On): boolean =>
  on === what || (typeof on === "string" && on.endsWith(".") && String(what).startsWith(on));

export const files = { switch: "switch.json", reached: "reached.json", events: "events.jsonl" } as const;
