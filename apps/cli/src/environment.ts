import type { Environment } from "./command.ts";
import { environmentNameOf, settings, isSettingName } from "./settings.ts";

const PREFIX = "DARKBLOOM_";
/** The longest slip of the hand that is still taken for a known name. */
const TYPO_DISTANCE_MAX = 2;

/** Ours, between processes: `stop.ts` says what it means. */
export const SUPERVISED_VARIABLE = "DARKBLOOM_SUPERVISED";

const known = [...Object.keys(settings).filter(isSettingName).map(environmentNameOf), SUPERVISED_VARIABLE];

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
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries())
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    row = next;
  }
  return row.at(-1) ?? 0;
}
