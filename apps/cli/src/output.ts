import { mostOf } from "@darkbloom/protocol/lists";
import { printable } from "@darkbloom/protocol/printable";
import type { Check } from "@darkbloom/protocol/evidence";

/** One line of `--json`: an event's name, if it is one of a running command, and its facts. */
export type Line = Readonly<Record<string, unknown>>;

/** Where a command's results go: text for a person, or JSON for a program, on stdout. */
export interface Output {
  readonly json: boolean;
  /** One result in both manners; the text is only made if it is wanted. */
  result(line: Line, text: () => string): void;
}

export function outputOf(json: boolean): Output {
  return {
    json,
    // Much of it was said by others: a coordinator, a machine. None of that may move the terminal.
    result: (line, text) =>
      void process.stdout.write(`${json ? printable(JSON.stringify(line)) : printable(text(), { layout: true })}\n`),
  };
}

/** A file of its own, on stdout: what others said in it must be known to be printable. */
export function file(text: string): void {
  process.stdout.write(text);
}

/** What a person should know and no program needs: on stderr, beside the log. */
export function note(text: string): void {
  process.stderr.write(`${printable(text, { layout: true })}\n`);
}

/** What a check found and, where something needs mending, what would. */
export const wordsOf = ({ seen, remedy }: Pick<Check, "seen" | "remedy">): string =>
  remedy === "" ? seen : `${seen}. ${remedy}`;

/** Columns as wide as their widest cell, two spaces between them; a cell can hold anybody's words, and stays one line. */
export function columns(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map((cell) => printable(cell)));
  const widths = (rows[0] ?? []).map((_, column) => mostOf(rows.map((row) => (row[column] ?? "").length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** ISO 8601; null stays null. */
export const timeOf = <At extends number | null>(at: At) =>
  (at === null ? null : new Date(at).toISOString()) as At extends null ? null : string;
