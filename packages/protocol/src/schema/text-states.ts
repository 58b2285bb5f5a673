import { pushAll } from "../lists.ts";
import { type CodePoints, intersection, union, writable } from "./code-points.ts";
import { CHECKED_EVERY, isWide, oneAtATime } from "./one-at-a-time.ts";
import { readPattern, type Pattern } from "./pattern.ts";
import { PatternAllowance, type PatternCost, type TextState, type TextStep, TooMuch } from "./text-state.ts";

/** In code points; `max` is at least `min`. */
export interface Lengths {
  readonly min: number;
  readonly max: number | undefined;
}

/**
 * The texts of these lengths that are of every one of `patterns`, as states; a text begins at the first one.
 * From each of them an end can be reached, so that a writer is never caught.
 *
 * @returns `none`: there is no such text; `too much`: it takes more than the allowance
 */
export function textStates(
  patterns: readonly Pattern[],
  lengths: Lengths,
  allowance: PatternAllowance,
): readonly TextState[] | "none" | "too much" {
  try {
    const machines = patterns.map((pattern) => new Machine(pattern, allowance));
    let states = leadingToAnEnd(inAll(machines, allowance));
    allowance.check(states);
    if (isWide(states, allowance)) states = oneAtATime(states, allowance);
    // Counting takes states for each length.
    if (!haveLengths(states, lengths, allowance)) states = leadingToAnEnd(ofLengths(states, lengths, allowance));
    if (states.length === 0) return "none";
    allowance.ranges(states);
    return states;
  } catch (error) {
    if (error instanceof TooMuch) return "too much";
    throw error;
  }
}

/** The same of a pattern of our own, without bounds, which is made once: there are few of them, and some take milliseconds. */
export function ownTextStates(source: string, allowance: PatternAllowance): readonly TextState[] | "too much" {
  try {
    const known = own.get(source) ?? make(source);
    own.set(source, known);
    allowance.again(known.cost);
    return known.states;
  } catch (error) {
    if (error instanceof TooMuch) return "too much";
    throw error;
  }
}

interface Known {
  readonly states: readonly TextState[];
  readonly cost: PatternCost;
}
const own = new Map<string, Known>();

function make(source: string): Known {
  const allowance = new PatternAllowance();
  const pattern = readPattern(source);
  const states = pattern && textStates([pattern], { min: 0, max: undefined }, allowance);
  if (typeof states !== "object") throw new RangeError("a pattern of our own cannot be read");
  return { states, cost: allowance.cost };
}

type Node =
  | { readonly kind: "char"; readonly on: CodePoints; readonly to: number }
  | { readonly kind: "fork"; to: readonly number[] }
  | { readonly kind: "start" | "end"; readonly to: number }
  | { readonly kind: "accept" };

/** One pattern as nodes, built from its end (Thompson's construction). */
class Machine {
  readonly #allowance: PatternAllowance;
  readonly #nodes: Node[] = [];
  readonly #known = new Map<number, TextState>();
  readonly first: number;

  constructor(pattern: Pattern, allowance: PatternAllowance) {
    this.#allowance = allowance;
    this.first = this.#build(pattern, this.#add({ kind: "accept" }));
  }

  #add(node: Node): number {
    this.#allowance.work(1);
    return this.#nodes.push(node) - 1;
  }

  #build(pattern: Pattern, next: number): number {
    switch (pattern.kind) {
      case "char": {
        const on = intersection(pattern.of, writable);
        return this.#add(on.length === 0 ? { kind: "fork", to: [] } : { kind: "char", on, to: next });
      }
      case "start":
      case "end":
        return this.#add({ kind: pattern.kind, to: next });
      case "sequence":
        return pattern.of.reduceRight((following, part) => this.#build(part, following), next);
      case "choice":
        return this.#add({ kind: "fork", to: pattern.of.map((one) => this.#build(one, next)) });
      case "repeat":
        return this.#repeat(pattern, next);
    }
  }

  #repeat({ of, min, max }: Extract<Pattern, { kind: "repeat" }>, next: number): number {
    let first = next;
    if (max === undefined) {
      const again: Node = { kind: "fork", to: [] };
      first = this.#add(again);
      again.to = [this.#build(of, first), next];
    }
    for (let turn = min; turn < (max ?? min); turn++)
      first = this.#add({ kind: "fork", to: [this.#build(of, first), next] });
    for (let turn = 0; turn < min; turn++) first = this.#build(of, first);
    return first;
  }

  /** What can come at a node. Behind a `$` nothing may; a `^` is passed only where nothing was written. */
  from(node: number, isStart: boolean): TextState {
    const key = 2 * node + Number(isStart);
    const known = this.#known.get(key);
    if (known) return known;
    const steps: TextStep[] = [];
    let ends = false;
    // A node and whether a `$` is behind us, as one number.
    const open = [2 * node];
    const seen = new Set(open);
    const goTo = (to: number, ended: number) => {
      const next = 2 * to + ended;
      if (!seen.has(next)) open.push(next);
      seen.add(next);
    };
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      this.#allowance.work(1);
      const ended = next % 2;
      const found = this.#nodes[(next - ended) / 2];
      if (found?.kind === "accept") ends = true;
      else if (found?.kind === "fork") for (const to of found.to) goTo(to, ended);
      else if (found?.kind === "end") goTo(found.to, 1);
      else if (found?.kind === "start" && isStart) goTo(found.to, ended);
      else if (found?.kind === "char" && ended === 0) steps.push({ on: found.on, to: found.to });
    }
    const state = { ends, steps };
    this.#known.set(key, state);
    return state;
  }
}

/** States of all machines at once: a text goes on where each of them can. */
function inAll(machines: readonly Machine[], allowance: PatternAllowance): readonly TextState[] {
  const idOf = new Map<string, number>();
  const places: { readonly nodes: readonly number[]; readonly isStart: boolean }[] = [];
  const idAt = (nodes: readonly number[], isStart: boolean): number => {
    const key = `${nodes.join(" ")} ${isStart}`;
    const known = idOf.get(key);
    if (known !== undefined) return known;
    idOf.set(key, places.length);
    return places.push({ nodes, isStart }) - 1;
  };
  idAt(
    machines.map(({ first }) => first),
    true,
  );
  const states: TextState[] = [];
  // Places are added while their states are told.
  for (const { nodes, isStart } of places) {
    const each = machines.map((machine, at) => machine.from(nodes[at] ?? 0, isStart));
    const steps = new Map<number, CodePoints>();
    for (const { on, to } of together(each, allowance)) {
      const id = idAt(to, false);
      steps.set(id, union([steps.get(id) ?? [], on]));
    }
    states.push({ ends: each.every(({ ends }) => ends), steps: Array.from(steps, ([to, on]) => ({ on, to })) });
  }
  return states;
}

function together(each: readonly TextState[], allowance: PatternAllowance) {
  let all: { readonly on: CodePoints; readonly to: readonly number[] }[] = [{ on: writable, to: [] }];
  for (const { steps } of each)
    all = all.flatMap((so) =>
      steps.flatMap(({ on, to }) => {
        allowance.work(1 + so.on.length + on.length);
        const both = intersection(so.on, on);
        return both.length === 0 ? [] : [{ on: both, to: [...so.to, to] }];
      }),
    );
  return all;
}

/** Without the states that lead to no end; none is left where the first one does not. */
function leadingToAnEnd(states: readonly TextState[]): readonly TextState[] {
  const before = new Map<number, number[]>();
  for (const [from, { steps }] of states.entries())
    for (const { to } of steps) {
      const known = before.get(to);
      if (known) known.push(from);
      else before.set(to, [from]);
    }
  const good = new Set<number>();
  const open = [...states.keys()].filter((id) => states[id]?.ends);
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (good.has(id)) continue;
    good.add(id);
    pushAll(open, before.get(id) ?? []);
  }
  if (!good.has(0)) return [];
  const kept = [...states.keys()].filter((id) => good.has(id));
  const newId = new Map(kept.map((id, at) => [id, at]));
  return kept.map((id) => ({
    ends: states[id]?.ends === true,
    steps: (states[id]?.steps ?? []).flatMap(({ on, to }) => {
      const next = newId.get(to);
      return next === undefined ? [] : [{ on, to: next }];
    }),
  }));
}

/** The texts of these lengths alone. Each state is one of the given ones at one length; beyond `min` without `max` all are the same. */
function ofLengths(
  states: readonly TextState[],
  { min, max }: Lengths,
  allowance: PatternAllowance,
): readonly TextState[] {
  const idOf = new Map<number, number>();
  const places: { readonly id: number; readonly length: number }[] = [];
  const idAt = (id: number, length: number): number => {
    const key = length * states.length + id;
    const known = idOf.get(key);
    if (known !== undefined) return known;
    allowance.work(1);
    idOf.set(key, places.length);
    return places.push({ id, length }) - 1;
  };
  if (states.length > 0) idAt(0, 0);
  const counted: TextState[] = [];
  // Places are added while they are told.
  for (const { id, length } of places) {
    const { ends = false, steps = [] } = states[id] ?? {};
    const next = max === undefined ? Math.min(min, length + 1) : length + 1;
    const goesOn = max === undefined || next <= max;
    counted.push({
      ends: ends && length >= min,
      steps: goesOn ? steps.map(({ on, to }) => ({ on, to: idAt(to, next) })) : [],
    });
    if (counted.length % CHECKED_EVERY === 0) allowance.check(counted);
  }
  return counted;
}

/** Whether every text has one of the lengths, as each state leads to an end. */
function haveLengths(states: readonly TextState[], { min, max }: Lengths, allowance: PatternAllowance): boolean {
  let reached = new Set(states.length > 0 ? [0] : []);
  for (let length = 0; reached.size > 0; length++) {
    if (max !== undefined && length > max) return false;
    if (max === undefined && length >= min) return true;
    const now = [...reached].flatMap((id) => states[id] ?? []);
    if (length < min && now.some(({ ends }) => ends)) return false;
    reached = new Set(now.flatMap(({ steps }) => steps.map(({ to }) => to)));
    allowance.work(now.length + reached.size);
  }
  return true;
}
