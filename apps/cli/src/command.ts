import { WrongUsage, type ExitCode } from "./failure.ts";
import { environmentNameOf, flagOf, settingOf, type SettingName, type SettingValue } from "./settings.ts";

/**
 * What a command makes of a setting: a default, written as a user would write it; or `required`; or `optional`. A default holds
 * `unless` another setting is given in its place: of the two, a flag counts before the environment, and both in one place are refused.
 */
type Need =
  | { readonly default: string; readonly unless?: undefined }
  | { readonly default: string; readonly unless: SettingName }
  | "required"
  | "optional";
export type Needs = { readonly [Name in SettingName]?: Need };

type Values<Wanted extends Needs> = {
  readonly [Name in keyof Wanted & SettingName]: Wanted[Name] extends "optional" | { readonly unless: SettingName }
    ? SettingValue<Name> | undefined
    : SettingValue<Name>;
};

/** What stood on the command line: each flag's texts, in order; a switch that is there reads `true`. */
export type Flags = { readonly [Name in SettingName]?: readonly string[] };
export type Environment = { readonly [name: string]: string | undefined };

export interface Command {
  /** E.g. `keys create`. */
  readonly path: string;
  readonly does: string;
  /** Arguments after `darkbloom`, one line each. */
  readonly examples: readonly string[];
  readonly needs: Needs;
  /** A word that must follow, e.g. `KEY_ID`. */
  readonly operand?: string;
  run(flags: Flags, environment: Environment, operand: string): Promise<ExitCode>;
}

/** A command whose `run` receives its settings read and checked. */
export function command<const Wanted extends Needs>(spec: {
  readonly path: string;
  readonly does: string;
  readonly examples: readonly string[];
  readonly needs: Wanted;
  readonly operand?: string;
  readonly run: (values: Values<Wanted>, operand: string) => Promise<ExitCode>;
}): Command {
  const { run, ...rest } = spec;
  return {
    ...rest,
    run: (flags, environment, operand) => run(valuesOf<Wanted>(spec.needs, flags, environment), operand),
  };
}

/** The names of a command's settings, in the order in which it lists them. */
export const settingsOf = (needs: Needs): SettingName[] => Object.keys(needs) as SettingName[];

/**
 * A flag wins over the environment, the environment over the default; an empty environment value counts
 * as absent.
 *
 * @throws WrongUsage naming the flag or the environment name, and what it must be
 */
function valuesOf<Wanted extends Needs>(needs: Wanted, flags: Flags, environment: Environment): Values<Wanted> {
  const unmeant = unmeantOf(needs, flags, environment);
  const entries = settingsOf(needs).map((setting) => [
    setting,
    unmeant.has(setting) ? undefined : valueOf(setting, needs, flags, environment),
  ]);
  // `valueOf` answered each name with what its own row reads; the compiler cannot follow that through a loop.
  return Object.fromEntries(entries) as Values<Wanted>;
}

/** Settings in whose place another one is given. @throws WrongUsage where both are */
function unmeantOf(needs: Needs, flags: Flags, environment: Environment): ReadonlySet<SettingName> {
  const unmeant = new Set<SettingName>();
  for (const setting of settingsOf(needs)) {
    const need = needs[setting];
    if (typeof need !== "object" || need.unless === undefined) continue;
    const both = [setting, need.unless] as const;
    const places = [
      { nameOf: flagOf, given: both.filter((one) => flags[one] !== undefined) },
      { nameOf: environmentNameOf, given: both.filter((one) => (environment[environmentNameOf(one)] ?? "") !== "") },
    ];
    const place = places.find(({ given }) => given.length > 0);
    if (!place) continue;
    if (place.given.length > 1)
      throw new WrongUsage(
        `${both.map(place.nameOf).join(" and ")} are both given, and mean one thing; give ${both.map(flagOf).join(" or ")}.`,
      );
    for (const one of both) if (!place.given.includes(one)) unmeant.add(one);
  }
  return unmeant;
}

function valueOf(setting: SettingName, needs: Needs, flags: Flags, environment: Environment): unknown {
  const given = flags[setting];
  const variable = environmentNameOf(setting);
  if (given?.some((text) => settingOf(setting).showsSecret?.(text)))
    throw new WrongUsage(
      `${flagOf(setting)} must hold no secret, since every user of this machine can read it there. Set ${variable} in the environment, or name a file: ${flagOf(setting)} file:PATH.`,
    );
  if (given !== undefined) return read(setting, flagOf(setting), given);
  const inherited = environment[variable];
  if (inherited !== undefined && inherited !== "") return read(setting, variable, [inherited]);
  const need = needs[setting];
  if (need === "required") throw new WrongUsage(`${flagOf(setting)} is missing (or ${variable} in the environment).`);
  if (need === undefined || need === "optional") return settingOf(setting).many === true ? [] : undefined;
  return read(setting, flagOf(setting), [need.default]);
}

function read(setting: SettingName, source: string, texts: readonly string[]): unknown {
  const { many, mustBe, secret } = settingOf(setting);
  if (many !== true && texts.length > 1)
    throw new WrongUsage(`${source} is given ${texts.length} times; give it once.`);
  const values = texts.map((text) => {
    const value = settingOf(setting).read(text);
    if (value === undefined)
      throw new WrongUsage(
        `${source} must be ${mustBe}${secret === true || hasPassword(text) ? "" : `, not ${JSON.stringify(text)}`}.`,
      );
    return value;
  });
  return many === true ? values.flat() : values[0];
}

const hasPassword = (text: string): boolean => (URL.parse(text)?.password ?? "") !== "";
