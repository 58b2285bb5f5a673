import { ErrorForPeople } from "@darkbloom/protocol/for-people";

/** Good, failed, wrong usage. */
export type ExitCode = 0 | 1 | 2;

/** The command line or the environment is wrong; the message is a sentence. Exit code 2. */
export class WrongUsage extends ErrorForPeople {
  override readonly name = "WrongUsage";
}

/** The command could not do its work; the message is a sentence that says what to do next. Exit code 1. */
export class CommandFailed extends ErrorForPeople {
  override readonly name = "CommandFailed";
}

/** The code of an error of the operating system or of Node, e.g. `EADDRINUSE`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/**
 * What may be shown of an error that nobody expected: its class, its code and where it was thrown. Never
 * its message, which can quote what it failed on, a prompt for one.
 */
export function describeBug(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${typeof error}`;
  const code = codeOf(error);
  const frames = (error.stack ?? "").split("\n").filter((line) => line.startsWith("    at "));
  return [`${error.name}${code === undefined ? "" : ` ${code}`}`, ...frames].join("\n");
}
