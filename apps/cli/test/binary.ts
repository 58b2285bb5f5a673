import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

export const BINARY = join(import.meta.dirname, "../bin/darkbloom.js");

/** The environment of the tests without settings that the person who runs them may have. */
export const cleanEnvironment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith("DARKBLOOM_")),
);

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real binary to its end. */
export async function darkbloom(
  args: readonly string[],
  { environment = {}, input }: { environment?: Record<string, string>; input?: string } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [BINARY, ...args], { env: { ...cleanEnvironment, ...environment } });
  child.stdin.end(input ?? "");
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code, stdout, stderr };
}

/** A line of `--json` with the fields that the tests read. */
export interface Line {
  readonly event: string;
  readonly base_url: string;
  readonly api_key: string;
  readonly model: string;
  readonly provider_serial: string;
}

/** The binary as it runs on, in a process group of its own, so that a test can press Ctrl-C on the whole group. */
export class Running implements AsyncDisposable {
  readonly process: ChildProcess;
  /** The first ready line; rejects with what stood on stderr if it ends before. */
  readonly ready: Promise<Line>;
  readonly ended: Promise<number | null>;
  readonly lines: Line[] = [];
  stderr = "";

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const env = { ...cleanEnvironment, ...environment };
    const child = spawn(process.execPath, [BINARY, ...args], { env, detached: true });
    this.process = child;
    this.ended = once(child, "exit").then(([code]: (number | null)[]) => code ?? null);
    const { promise, resolve, reject } = Promise.withResolvers<Line>();
    this.ready = promise;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const parsed: Line = JSON.parse(line);
      this.lines.push(parsed);
      if (parsed.event === "ready") resolve(parsed);
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (this.stderr += chunk));
    void this.ended.then((code) => reject(new Error(`ended with ${code}: ${this.stderr}`)));
    void promise.catch(() => undefined);
  }

  get pid(): number {
    if (this.process.pid === undefined) throw new Error("not started");
    return this.process.pid;
  }

  /** What a terminal does on Ctrl-C: every process of the group hears it. */
  pressCtrlC(): void {
    process.kill(-this.pid, "SIGINT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // The whole group has ended.
    }
    await this.ended;
  }
}

export interface Folder extends Disposable {
  readonly path: string;
}

export function temporaryFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), "darkbloom-cli-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Asks again until it holds. */
export async function eventually(holds: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
