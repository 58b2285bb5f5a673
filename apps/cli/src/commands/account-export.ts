import { writeFileSync } from "node:fs";
import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { codeOf, CommandFailed } from "../failure.ts";
import { outputOf } from "../output.ts";

/** It is about somebody: its owner alone may read it. */
const PRIVATE_MODE = 0o600;

export const accountExport = command({
  path: "account export",
  does: "Tell all that is kept about somebody, but for secrets, as one JSON document: on stdout, or into a new file. The audit log says that it was done, and why.",
  examples: [
    "account export person_0123456789abcdef0123456789abcdef --into anna.json",
    "account export person_0123456789abcdef0123456789abcdef --reason law --json",
  ],
  needs: { ...adminNeeds, into: "optional", reason: { default: "asked" } },
  operand: "PERSON_ID",
  async run({ into, reason, json, ...at }, which) {
    const output = outputOf(json);
    const kept = await administer(at, (admin) => admin.exportPerson(which, reason));
    const cut = Object.entries(kept).flatMap(([name, list]) =>
      typeof list === "object" && "has_more" in list && list.has_more ? [name] : [],
    );
    const text = JSON.stringify(kept, null, 2);
    if (into === undefined) {
      output.result(kept, () => text);
      return 0;
    }
    keep(into, `${text}\n`);
    output.result({ person_id: kept.person.id, file: into, bytes: text.length + 1, cut }, () =>
      [
        `${into} has all that is kept about ${kept.person.id}.`,
        ...(cut.length === 0 ? [] : [`Cut, since there is more: ${cut.join(", ")}.`]),
      ].join("\n"),
    );
    return 0;
  },
});

function keep(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: PRIVATE_MODE, flag: "wx" });
  } catch (error) {
    const why = codeOf(error) === "EEXIST" ? "it is there already" : (codeOf(error) ?? "unknown error");
    throw new CommandFailed(`${file} cannot be written: ${why}. Name a new file with --into.`);
  }
}
