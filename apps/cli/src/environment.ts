import type { Environment } from "./command.ts";
import { environmentNameOf, settings, isSettingName } from "./settings.ts";

const PREFIX = "DARKBLOOM_";
/** Ours, between processes: `stop.ts` says what it means. */
export const SUPERVISED_VARIABLE = "DARKBLOOM_SUPERVISED";

/** Ours, to ourselves: `clean-start.ts` says what it means. */
export const STARTED_CLEAN_VARIABLE = "DARKBLOOM_STARTED_CLEAN";

/** Of our own scripts around us: tests, benchmarks. */
const othersOf = /^DARKBLOOM_(?:BENCH|SIM|TEST|WRITE)_/;

const known = [
  ...Object.keys(settings).filter(isSettingName).map(environmentNameOf),
  SUPERVISED_VARIABLE,
  STARTED_CLEAN_VARIABLE,
];

/** A sentence for every `DARKBLOOM_…` name that sets nothing here, most often a misspelt one. */
export function unknownNames(environment: Environment): string[] {
  return Object.keys(environment)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name) && !othersOf.test(name))
    .map((name) => `the environment has ${name}, which sets nothing. 'darkbloom COMMAND --help' lists the names.`);
}
