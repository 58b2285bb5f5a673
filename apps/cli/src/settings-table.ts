import { settingsOf, type Command } from "./command.ts";
import { environmentNameOf, flagOf, isSettingName, settingOf, settings, type SettingName } from "./settings.ts";

/** The page `docs/settings.md`: every flag, its environment name, what it may be and who takes it. */
export function settingsPage(commands: readonly Command[]): string {
  const rows = Object.keys(settings)
    .filter(isSettingName)
    .map((setting) => {
      const { value, means, mustBe } = settingOf(setting);
      const takers = commands.filter(({ needs }) => settingsOf(needs).includes(setting));
      const flag = `\`${flagOf(setting)}${value === undefined ? "" : ` ${value}`}\``;
      const cells = [
        flag,
        `\`${environmentNameOf(setting)}\``,
        means,
        mustBe,
        takers.map((taker) => takerOf(taker, setting)).join(", "),
      ];
      return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
    });
  return `# Settings

Every flag of \`darkbloom\` has an environment name. A flag wins over the environment, the environment over
the default; an empty environment value counts as absent. A wrong or contradictory value stops the start
with a sentence and exit code 2. This page is made from \`apps/cli/src/settings.ts\`, and a test holds it to it.
In the repository, write \`npx darkbloom\`.

| Flag | Environment | What it is | Must be | Commands (and default) |
|---|---|---|---|---|
${rows.join("\n")}
`;
}

function takerOf({ path, needs }: Command, setting: SettingName): string {
  const need = needs[setting];
  if (need === "required") return `\`${path}\` (required)`;
  const isWorthSaying = typeof need === "object" && need.default !== "" && settingOf(setting).value !== undefined;
  return isWorthSaying ? `\`${path}\` (${need.default})` : `\`${path}\``;
}
