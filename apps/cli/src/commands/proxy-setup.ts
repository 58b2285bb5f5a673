import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { readPrivateFile } from "@darkbloom/protocol/node";
import { command } from "../command.ts";
import { codeOf, CommandFailed, WrongUsage } from "../failure.ts";
import { note, outputOf } from "../output.ts";
import { tokenIn } from "../proxy/token.ts";
import { tools, type ProxyAt, type Tool } from "../proxy/tools.ts";

const PRIVATE_MODE = 0o600;
/** What its owner may do. */
const OWN_MODE = 0o700;

export const proxySetup = command({
  path: "proxy setup",
  does: `Have a program on this machine ask through the proxy: ${Object.keys(tools).join(", ")}. What is written is shown first.`,
  examples: ["proxy setup claude-code --use-model qwen3-8b", "proxy setup codex --yes", "proxy setup codex --undo"],
  operand: "PROGRAM",
  needs: {
    data: { default: ".darkbloom/proxy" },
    host: { default: "127.0.0.1" },
    port: { default: "8181" },
    useModel: "optional",
    undo: { default: "false" },
    yes: { default: "false" },
    json: { default: "false" },
  },
  async run({ data, host, port, useModel: model, undo, yes, json }, name) {
    const tool = Object.hasOwn(tools, name) ? tools[name] : undefined;
    if (!tool) throw new WrongUsage(`PROGRAM must be one of ${Object.keys(tools).join(", ")}.`);
    const output = outputOf(json);
    const file = tool.file();
    const record = join(data, `setup-${name}.json`);
    const change = undo
      ? undone(tool, file, record)
      : written(tool, file, record, atOf({ data, host, port, model }, tool));
    if (!json) note(`${file}\n\n${shown(change)}\n`);
    if (!(yes || (await agrees())))
      throw new CommandFailed("Nothing was written. Give --yes to write it without asking.");
    if (change.after === undefined) rmSync(file, { force: true });
    else replace(file, change.after);
    if (undo) rmSync(record, { force: true });
    else replace(record, `${JSON.stringify(change.record, null, 2)}\n`);
    output.result({ event: undo ? "undone" : "written", program: name, file }, () =>
      undo
        ? `${file} is as it was.`
        : `${name} asks through the proxy now. 'darkbloom proxy setup ${name} --undo' takes it back.`,
    );
    return 0;
  },
});

/** What was done to a file, so that it can be undone. */
interface SetupRecord {
  /** Null where there was no file. */
  readonly before: string | null;
  readonly after: string;
  readonly at: ProxyAt;
}

interface Change {
  readonly now: string;
  /** Undefined where the file goes. */
  readonly after: string | undefined;
  readonly record?: SetupRecord;
}

function atOf(
  { data, host, port, model }: { data: string; host: string; port: number; model: string | undefined },
  { needsModel }: Tool,
): ProxyAt {
  if (needsModel && model === undefined)
    throw new WrongUsage("--use-model is missing: this program has no model to ask for otherwise.");
  const token = tokenIn(data);
  if (token === undefined)
    throw new CommandFailed(
      `There is no proxy's token in ${data}. Start 'darkbloom proxy' there once, or name its --data folder.`,
    );
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`, token, model };
}

function written(tool: Tool, file: string, record: string, at: ProxyAt): Change {
  const now = textOf(file);
  // Written again, what stood there before the first time is what an undo puts back.
  const earlier = recordIn(record);
  const isOurs = earlier !== undefined && earlier.after === now;
  const before = isOurs ? earlier.before : (now ?? null);
  const after = readable(file, () => tool.write(before ?? "", at));
  return { now: now ?? "", after, record: { before, after, at } };
}

function undone(tool: Tool, file: string, record: string): Change {
  const done = recordIn(record);
  if (!done)
    throw new CommandFailed(`Nothing was written to ${file} by this proxy's folder, so there is nothing to undo.`);
  const now = textOf(file) ?? "";
  if (now === done.after) return { now, after: done.before ?? undefined };
  // Somebody has written to it since: what is not ours stays.
  return { now, after: readable(file, () => tool.undo(now, done.before ?? "", done.at)) };
}

function readable(file: string, change: () => string): string {
  try {
    return change();
  } catch {
    throw new CommandFailed(
      `${file} is not in the form that its program writes, so nothing is put into it. Look at what is in it.`,
    );
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new CommandFailed(`${file} cannot be read (${codeOf(error) ?? "unknown error"}).`);
  }
}

function recordIn(file: string): SetupRecord | undefined {
  const text = readPrivateFile(file)?.toString("utf8");
  return text === undefined ? undefined : (JSON.parse(text) as SetupRecord);
}

/** Whole, or not at all; a link stays one. It holds the token, so that it is its owner's alone from now on. */
function replace(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const target = statSync(file, { throwIfNoEntry: false }) ? realpathSync(file) : file;
  const mode = statSync(target, { throwIfNoEntry: false })?.mode ?? PRIVATE_MODE;
  const draft = `${target}.${process.pid}.draft`;
  writeFileSync(draft, text, { mode: mode & OWN_MODE, flag: "wx" });
  renameSync(draft, target);
}

/** Lines that go and lines that come; the token is not shown. */
function shown({ now, after = "" }: Change): string {
  const [before, then] = [now.split("\n"), after.split("\n")];
  const gone = before.filter((line) => line !== "" && !then.includes(line)).map((line) => `- ${line}`);
  const come = then.filter((line) => line !== "" && !before.includes(line)).map((line) => `+ ${line}`);
  return [...gone, ...come].join("\n").replaceAll(/dbproxy-[\w-]+/g, "dbproxy-…");
}

async function agrees(): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question("Write it? [y/N] ")).trim());
  } finally {
    asking.close();
  }
}
