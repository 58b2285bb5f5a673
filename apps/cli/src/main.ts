import { CommanderError } from "commander";

import { commandsFor, groups } from "./commands/index.ts";
import { unknownNames } from "./environment.ts";
import { describeBug, WrongUsage, type ExitCode } from "./failure.ts";
import { endOfLife, endOfLifeNote } from "./node-life.ts";
import { note } from "./output.ts";
import { programOf } from "./program.ts";
import { sentenceOf } from "./sentences.ts";
import { isSupervised } from "./stop.ts";
import { version } from "./version.ts";

// Node would print the message of an error that nobody caught, and a message can quote a prompt.
for (const event of ["uncaughtException", "unhandledRejection"] as const)
  process.on(event, (error: unknown) => {
    note(`darkbloom: a fault in the program itself: ${describeBug(error)}`);
    process.exit(1);
  });
// Whoever reads our output may go away first (`| head`); that is no fault, and a server serves on.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);

// The native engine can keep threads that would hold the process; by now everything of ours is closed.
process.exit(await main(process.argv));

async function main(argv: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = 0;
  const program = programOf({
    version,
    commands: await commandsFor(argv.slice(2)),
    groups,
    environment: process.env,
    finished: (ended) => {
      code = ended;
    },
  });
  if (!isSupervised) {
    unknownNames(process.env).forEach((hint) => note(`Warning: ${hint}`));
    const end = endOfLife(process.versions.node, Date.now());
    if (end !== undefined) note(endOfLifeNote(process.versions.node, end));
  }
  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    return exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): ExitCode {
  // Commander has already said what is wrong, or printed the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  note(`darkbloom: ${sentenceOf(error) ?? `a fault in the program itself: ${describeBug(error)}`}`);
  return error instanceof WrongUsage ? 2 : 1;
}
