import type { Environment } from "./command.ts";
import { environmentNameOf, settings, isSettingName } from "./settings.ts";

const PREFIX = "DARKBLOOM_";
/** The longest slip of the hand that is still taken for a known name. */
const TYPO_DISTANCE_MAX = 2;

/** Ours, between processes: `stop.ts` says what it means. */
export const SUPERVISED_VARIABLE = "DARKBLOOM_SUPERVISED";

/** Ours, to ourselves: `clean-start.ts` says what it means. */
export const STARTED_CLEAN_VARIABLE = "DARKBLOOM_STARTED_CLEAN";

const known = [
  ...Object.keys(settings).filter(isSettingName).map(environmentNameOf),
  SUPERVISED_VARIABLE,
  STARTED_CLEAN_VARIABLE,
];

/**
 * A sentence for every `DARKBLOOM_…` name that looks like a misspelt setting. A name that is near to none
 * of ours is left alone: it may belong to a script around us.
 */
export function unknownNames(environment: Environment): string[] {
  return Object.keys(environment)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name))
    .flatMap((name) => {
      const meant = known.find((candidate) => distance(name, candidate) <= TYPO_DISTANCE_MAX);
      return meant === undefined ? [] : [`the environment has ${name}, which sets nothing. Is ${meant} meant?`];
    });
}

/** How many letters must be put in, taken out or replaced to make one word the other (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let line = 0; line < one.length; line++) {
    const next = [line + 1];
    for (let column = 0; column < other.length; column++) {
      const replaced = (row[column] ?? 0) + (one[line] === other[column] ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
