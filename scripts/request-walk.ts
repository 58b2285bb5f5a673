/**
 * The files that one streamed request walks through, by process: those of ours in which it executes a function that
 * holds a branch. Whoever wants to change something on a request's way has to know these.
 *
 * Runs `darkbloom up` with its bundled model, takes V8's precise coverage of each process around one warm request,
 * three times, and keeps what ran each time: what a timer did in between does not count.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { functionsWithBranch } from "./walk/branches.ts";

const HELP = `npm run request-walk -- [options]

  --root FOLDER    another checkout, with its own node_modules (this one)
  --functions      name the functions too
  --json           as JSON
  --help           this
`;

const { values: options } = parseArgs({
  options: {
    root: { type: "string", default: join(import.meta.dirname, "..") },
    functions: { type: "boolean" },
    json: { type: "boolean" },
    help: { type: "boolean" },
  },
});
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const ROUNDS = 3;
const START_MS_MAX = 60_000;
const TOLD_MS_MAX = 10_000;

interface Recorded {
  readonly argv: string;
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly {
      readonly functionName: string;
      readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[];
    }[];
  }[];
}
/** The functions of one process that ran and hold a branch: `file` and name, by their place. */
type Ran = Map<string, { readonly file: string; readonly name: string }>;

const root = options.root;
const folder = mkdtempSync(join(tmpdir(), "darkbloom-walk-"));
const record = `${pathToFileURL(join(import.meta.dirname, "walk/record.ts")).href}?folder=${encodeURIComponent(folder)}`;
interface Ready {
  readonly base_url: string;
  readonly api_key: string;
  readonly model: string;
}

async function readyLine(output: Readable): Promise<Ready> {
  const lines = createInterface({ input: output, signal: AbortSignal.timeout(START_MS_MAX) });
  for await (const line of lines) {
    if (line.includes('"event":"ready"')) {
      output.resume();
      return JSON.parse(line) as Ready;
    }
  }
  throw new Error("the program ended before it was ready");
}

async function ask({ base_url, api_key, model }: Ready): Promise<void> {
  const response = await fetch(`${base_url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${api_key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, stream: true, max_tokens: 8, messages: [{ role: "user", content: "Say hello." }] }),
  });
  const text = await response.text();
  if (!text.includes("data: [DONE]")) throw new Error(`not a whole answer: ${response.status}`);
  // What is settled and told after the last byte belongs to the request.
  await sleep(100);
}

function pids(): number[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".started"))
    .map((name) => Number.parseInt(name, 10))
    .filter(isAlive);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

let taken = 0;
async function take(processes: readonly number[], when: string): Promise<Recorded[]> {
  taken += 1;
  for (const pid of processes) process.kill(pid, "SIGUSR2");
  const files = processes.map((pid) => join(folder, `${pid}.${taken}.json`));
  const untilMs = performance.now() + TOLD_MS_MAX;
  const whole = (file: string) => existsSync(file) && readFileSync(file, "utf8").endsWith("]}");
  while (!files.every(whole)) {
    if (performance.now() > untilMs) throw new Error(`a process did not tell what it ran (${when})`);
    await sleep(20);
  }
  return files.map((file) => JSON.parse(readFileSync(file, "utf8")) as Recorded);
}

const branches = new Map<string, ReadonlySet<number>>();
function branchesOf(path: string): ReadonlySet<number> {
  const known = branches.get(path) ?? functionsWithBranch(path, readFileSync(path, "utf8"));
  branches.set(path, known);
  return known;
}

/** `coordinator`, `provider` (with the process that runs the model) or nothing for the one that starts them. */
function processName(argv: string): string | undefined {
  if (/ coordinator( |$)/.test(argv)) return "coordinator";
  return / up( |$)/.test(argv) ? undefined : "provider";
}

function ranBy(recorded: readonly Recorded[]): Map<string, Ran> {
  const byProcess = new Map<string, Ran>();
  for (const { argv, result } of recorded) {
    const name = processName(argv);
    if (name === undefined) continue;
    const ran = byProcess.get(name) ?? new Map();
    byProcess.set(name, ran);
    for (const { url, functions } of result) {
      const path = url.startsWith("file:") ? fileURLToPath(url) : "";
      const file = relative(root, path);
      if (!/^(apps|packages)\//.test(file) || file.includes("node_modules")) continue;
      for (const { functionName, ranges } of functions) {
        const [whole] = ranges;
        if (!whole || whole.count === 0 || !branchesOf(path).has(whole.endOffset)) continue;
        ran.set(`${file}:${whole.startOffset}`, { file, name: functionName || "(anonymous)" });
      }
    }
  }
  return byProcess;
}

function inEveryRound([first, ...others]: readonly Map<string, Ran>[]): Map<string, Ran> {
  return new Map(
    [...(first ?? new Map<string, Ran>())].map(([name, ran]) => [
      name,
      new Map([...ran].filter(([place]) => others.every((round) => round.get(name)?.has(place)))),
    ]),
  );
}

function print(byProcess: ReadonlyMap<string, Ran>): void {
  const maps = [...byProcess].map(([name, ran]) => {
    const files = Map.groupBy(ran.values(), ({ file }) => file);
    const rows = [...files].map(([file, functions]) => ({
      file,
      lines: readFileSync(join(root, file), "utf8").split("\n").length - 1,
      functions: functions.map((one) => one.name),
    }));
    rows.sort((a, b) => a.file.localeCompare(b.file));
    return { process: name, files: rows.length, lines: rows.reduce((sum, { lines }) => sum + lines, 0), rows };
  });
  if (options.json) {
    process.stdout.write(`${JSON.stringify(maps, undefined, 2)}\n`);
    return;
  }
  for (const map of maps) {
    process.stdout.write(`${map.process}: ${map.files} files, ${map.lines} lines\n`);
    for (const { file, lines, functions } of map.rows) {
      process.stdout.write(`  ${String(lines).padStart(4)}  ${file}\n`);
      if (options.functions) process.stdout.write(`          ${functions.join(", ")}\n`);
    }
  }
}

const program = spawn(
  process.execPath,
  [
    "--import",
    record,
    join(root, "apps/cli/bin/darkbloom.js"),
    "up",
    "--port",
    "0",
    "--data",
    `${folder}/data`,
    "--json",
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);
try {
  const ready = await readyLine(program.stdout);
  await ask(ready);
  await ask(ready);
  const processes = pids();
  await take(processes, "before");
  const rounds: Map<string, Ran>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await ask(ready);
    rounds.push(ranBy(await take(processes, "after")));
  }
  print(inEveryRound(rounds));
} finally {
  const ended = new Promise((resolve) => program.once("exit", resolve));
  program.kill("SIGTERM");
  await ended;
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
