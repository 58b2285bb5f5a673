import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { join } from "node:path";

const python = process.env["DARKBLOOM_TEST_PYTHON"];

export interface JinjaCase {
  readonly source: string;
  /** A JSON text, so that its numbers keep their digits. */
  readonly values: string;
}
export type JinjaAnswer = { readonly text: string } | { readonly error: string };

async function run(args: readonly string[], input: string): Promise<string | undefined> {
  const child = spawn(python ?? "python3", args, { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  return code === 0 ? output : undefined;
}

/** Whether there is a Python with Jinja2 here. */
export const hasJinja2 = async (): Promise<boolean> =>
  python !== undefined &&
  (await run(["-c", "import importlib.util as u; print(u.find_spec('jinja2') is not None)"], ""))?.trim() === "True";

/** What Python's Jinja2 makes of them. */
export async function jinja2Answers(cases: readonly JinjaCase[], nowMs: number): Promise<readonly JinjaAnswer[]> {
  const output = await run(
    [join(import.meta.dirname, "render-with-python.py")],
    JSON.stringify({ now_ms: nowMs, cases }),
  );
  if (output === undefined) throw new Error("Python's Jinja2 did not answer");
  return JSON.parse(output) as JinjaAnswer[];
}
