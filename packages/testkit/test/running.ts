import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export const binary = join(import.meta.dirname, "../../../apps/cli/bin/darkbloom.js");
export const run = promisify(execFile);

export interface Ready {
  readonly base_url: string;
  readonly api_key: string;
  readonly model: string;
  readonly provider_serial: string;
}

/** A `darkbloom` process, everything that it printed, and its end. */
export class Program implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly ready: Promise<Ready>;
  printed = "";

  /** @param json false: what people read, and nobody asks whether it is ready */
  constructor(args: readonly string[], { json = true }: { readonly json?: boolean } = {}) {
    const spelled = json ? [binary, ...args, "--json"] : [binary, ...args];
    this.child = spawn(process.execPath, spelled, { stdio: ["ignore", "pipe", "pipe"] });
    const { promise, resolve, reject } = Promise.withResolvers<Ready>();
    promise.catch(() => undefined);
    this.ready = promise;
    let stdout = "";
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.printed += chunk.toString();
      stdout += chunk.toString();
      const line = stdout.split("\n").find((text) => text.includes('"event":"ready"'));
      if (line) resolve(JSON.parse(line) as Ready);
    });
    this.child.stderr?.on("data", (chunk: Buffer) => void (this.printed += chunk.toString()));
    this.child.once("exit", (code) => reject(new Error(`it ended with ${code}: ${this.printed}`)));
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill(signal);
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGCONT");
    await this.kill("SIGKILL");
  }
}

export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "darkbloom-test-"));

  /** Everything that was written below it, as bytes. */
  contents(): Buffer {
    const files = readdirSync(this.path, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    return Buffer.concat(files.map((file) => readFileSync(join(file.parentPath, file.name))));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A request as a caller without an SDK makes it. */
export const post = (
  at: Pick<Ready, "base_url" | "api_key">,
  body: unknown,
  more: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${at.base_url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${at.api_key}`, "content-type": "application/json", ...more },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

export async function get(at: Pick<Ready, "base_url" | "api_key">, path: string): Promise<Record<string, unknown>> {
  const response = await fetch(at.base_url + path, { headers: { "x-api-key": at.api_key } });
  return (await response.json()) as Record<string, unknown>;
}

export async function until(happened: () => Promise<boolean>, maxMs: number): Promise<void> {
  for (const untilMs = performance.now() + maxMs; performance.now() < untilMs;) {
    if (await happened()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it did not happen within ${maxMs} ms`);
}
