import { printable } from "@darkbloom/protocol/printable";
import { Command as Node, Option } from "commander";
import type { Command, Environment, Flags, Needs } from "./command.ts";
import { settingsOf } from "./command.ts";
import type { ExitCode } from "./failure.ts";
import { environmentNameOf, flagOf, settingOf, type SettingName } from "./settings.ts";

/** What stands between a group's name and its commands in the help. */
export interface Group {
  readonly name: string;
  readonly does: string;
  /** Arguments after `darkbloom`. */
  readonly example: string;
}

export interface ProgramParts {
  readonly version: string;
  readonly commands: readonly Command[];
  readonly groups: readonly Group[];
  readonly environment: Environment;
  /** Told how the command that ran has ended. */
  readonly finished: (code: ExitCode) => void;
}

/**
 * The command line as commander understands it. Wrong usage and help throw a `CommanderError`; what a
 * command itself throws comes through as it is.
 */
export function programOf({ version, commands, groups, environment, finished }: ProgramParts): Node {
  const root = new Node("darkbloom")
    .description("A private inference network on other people's machines.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .configureOutput({
      outputError: (text, write) => write(printable(text.replace(/^error: /, "darkbloom: "), { layout: true })),
    })
    .exitOverride();
  const grouped = new Map<string, Node>();
  const parentOf = (name: string | undefined): Node => {
    if (name === undefined) return root;
    const known = grouped.get(name);
    if (known) return known;
    // Made when its first command comes, so that the help keeps the order of the commands.
    const group = groups.find((one) => one.name === name);
    const parent = root.command(name).description(group?.does ?? "");
    if (group) parent.addHelpText("after", examplesOf([group.example]));
    grouped.set(name, parent);
    return parent;
  };
  for (const spec of commands) {
    const [name = "", group] = spec.path.split(" ").toReversed();
    const node = parentOf(group).command(name);
    // A command can have others below it.
    if (group === undefined) grouped.set(name, node);
    node.description(spec.does).addHelpText("after", examplesOf(spec.examples));
    if (spec.operand !== undefined) node.argument(`<${spec.operand}>`);
    for (const setting of settingsOf(spec.needs)) node.addOption(optionOf(setting, spec.needs));
    node.action(async () => {
      finished(await spec.run(node.opts<Flags>(), environment, node.args[0] ?? ""));
    });
  }
  root.addHelpText(
    "after",
    "\nStart here:\n  darkbloom up\n\nIn the repository, write npx darkbloom. Every flag has an environment name; `darkbloom COMMAND --help` shows it.",
  );
  return root;
}

function optionOf(setting: SettingName, needs: Needs): Option {
  const { value, means } = settingOf(setting);
  const flag = value === undefined ? flagOf(setting) : `${flagOf(setting)} <${value}>`;
  const need = needs[setting];
  const remarks = [
    ...(need === "required" ? ["required"] : []),
    ...(typeof need === "object" && need.default !== "" && value !== undefined ? [`default ${need.default}`] : []),
    environmentNameOf(setting),
  ];
  const option = new Option(flag, `${means} (${remarks.join("; ")})`);
  // Texts are only collected here: reading them is one and the same step for flags and environment.
  if (value === undefined) return option.preset("true").argParser(collect);
  return option.argParser(collect);
}

const collect = (text: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), text];

const examplesOf = (examples: readonly string[]): string =>
  `\nExamples:\n${examples.map((example) => `  darkbloom ${example}`).join("\n")}`;
