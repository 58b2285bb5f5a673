import { createInterface } from "node:readline/promises";
import { note } from "./output.ts";

/** The first line of stdin, so that a secret stands in no list of processes. @param prompt for a person at a terminal */
export async function lineFromStdin(prompt: string): Promise<string> {
  if (process.stdin.isTTY) note(prompt);
  using lines = createInterface({ input: process.stdin });
  for await (const line of lines) return line.trim();
  return "";
}
