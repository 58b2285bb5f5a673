import { writable } from "./code-points.ts";
import type { PatternAllowance, TextState, TextStep } from "./text-state.ts";

/** A text of a pattern may be at so many places of it at once, each of which an engine has to follow. */
const TEXT_WAYS_MAX = 16;

/** Whether a text may be at more places at once than is good. May say so where the characters forbid it. */
export function isWide(states: readonly TextState[], allowance: PatternAllowance): boolean {
  const known = new Set<string>();
  let reached: readonly number[] = [0];
  for (let key = "0"; key !== "" && !known.has(key); key = reached.join(" ")) {
    if (reached.length > TEXT_WAYS_MAX) return true;
    allowance.work(1 + reached.length);
    known.add(key);
    reached = [...new Set(reached.flatMap((id) => states[id]?.steps.map(({ to }) => to) ?? []))].toSorted(ascending);
  }
  return false;
}

export const CHECKED_EVERY = 200;

/** The same texts by states of which a text is in one at any time: each is a set of the given ones. */
export function oneAtATime(states: readonly TextState[], allowance: PatternAllowance): readonly TextState[] {
  const idOf = new Map<string, number>();
  const sets: (readonly number[])[] = [];
  const idAt = (given: readonly number[]): number => {
    // Where any text is one from here on, what else it might be tells nothing.
    const rest = given.find((id) => takesAll(states[id], id));
    const set = rest === undefined ? given : [rest];
    const key = set.join(" ");
    const known = idOf.get(key);
    if (known !== undefined) return known;
    allowance.work(set.length);
    idOf.set(key, sets.length);
    return sets.push(set) - 1;
  };
  idAt([0]);
  const apart: TextState[] = [];
  // Sets are added while they are told.
  for (const set of sets) {
    const all = set.flatMap((id) => states[id] ?? []);
    const steps = new Map<number, [number, number][]>();
    for (const { first, last, to } of toldApart(
      all.flatMap((state) => state.steps),
      allowance,
    )) {
      const id = idAt(to);
      const on = steps.get(id);
      const before = on?.at(-1);
      if (before?.[1] === first - 1) before[1] = last;
      else if (on) on.push([first, last]);
      else steps.set(id, [[first, last]]);
    }
    apart.push({ ends: all.some(({ ends }) => ends), steps: Array.from(steps, ([to, on]) => ({ on, to })) });
    if (apart.length % CHECKED_EVERY === 0) allowance.check(apart);
  }
  return apart;
}

const takesAll = (state: TextState | undefined, own: number): boolean =>
  state?.ends === true &&
  state.steps.some(
    ({ on, to }) =>
      to === own &&
      on.length === writable.length &&
      on.every(([first, last], at) => first === writable[at]?.[0] && last === writable[at][1]),
  );

/** Ranges of characters in order, and all that each leads to. */
function* toldApart(
  steps: readonly TextStep[],
  allowance: PatternAllowance,
): Generator<{ readonly first: number; readonly last: number; readonly to: readonly number[] }> {
  const changes = steps
    .flatMap(({ on, to }) =>
      on.flatMap(([first, last]) => [
        { at: first, to, by: 1 },
        { at: last + 1, to, by: -1 },
      ]),
    )
    .toSorted((a, b) => a.at - b.at);
  const reached = new Map<number, number>();
  let from = 0;
  for (const { at, to, by } of changes) {
    if (at > from && reached.size > 0) {
      allowance.work(reached.size);
      yield { first: from, last: at - 1, to: [...reached.keys()].toSorted(ascending) };
    }
    from = at;
    const count = (reached.get(to) ?? 0) + by;
    if (count === 0) reached.delete(to);
    else reached.set(to, count);
  }
}

const ascending = (a: number, b: number): number => a - b;
