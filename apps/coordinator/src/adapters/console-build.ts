import { spawn, type ChildProcess } from "node:child_process";
import { constants, setPriority } from "node:os";
import { readFile, readdir } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Clock } from "@darkbloom/protocol/ports";

/** After a build that failed, how soon another is tried for whoever asks again. */
export const CONSOLE_RETRY_MS = 10_000;
/** Of all its files, as they are kept in memory. */
const CONSOLE_BYTES_MAX = 32 * 1024 * 1024;

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

interface BuiltFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzip: Buffer;
}

interface Options {
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
  /** In place of the console's own build. */
  readonly script?: string;
}

type State =
  | { readonly kind: "building"; readonly modules: number }
  | { readonly kind: "ready"; readonly files: ReadonlyMap<string, BuiltFile> }
  | { readonly kind: "failed"; readonly at: number };

/**
 * The console as it was built: by a child process at the lowest priority, when the first browser asks, unless these sources were
 * built before. Disposing ends a build that runs.
 */
export class ConsoleBuild implements Disposable {
  readonly #options: Options;
  #child: ChildProcess | undefined;
  #state: State | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /** How far it is. Whoever looks first begins it. */
  look(): State {
    const { clock, onFailure } = this.#options;
    const state = this.#state;
    if (state && (state.kind !== "failed" || clock.monotonicMs() - state.at < CONSOLE_RETRY_MS)) return state;
    const begun = { kind: "building", modules: 0 } as const;
    this.#state = begun;
    void this.#build().then(
      (files) => (this.#state = { kind: "ready", files }),
      (error: unknown) => {
        this.#state = { kind: "failed", at: clock.monotonicMs() };
        onFailure(error);
      },
    );
    return begun;
  }

  async #build(): Promise<ReadonlyMap<string, BuiltFile>> {
    const { PATH, TMPDIR } = process.env;
    // Of our secrets in the environment the tools of a build need none.
    const script = this.#options.script ?? fileURLToPath(import.meta.resolve("@darkbloom/console/build"));
    const child = spawn(process.execPath, [script], {
      env: { ...(PATH !== undefined && { PATH }), ...(TMPDIR !== undefined && { TMPDIR }), NODE_ENV: "production" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#child = child;
    const gone = new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
    let folder: string | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      const said = JSON.parse(line) as { readonly modules?: number; readonly folder?: string };
      folder = said.folder ?? folder;
      if (said.modules !== undefined) this.#state = { kind: "building", modules: said.modules };
    }
    const code = await gone;
    if (code !== 0 || folder === undefined) throw new Error(`the build of the console ended with ${code}`);
    return filesIn(folder);
  }

  [Symbol.dispose](): void {
    this.#child?.kill("SIGKILL");
  }
}

async function filesIn(folder: string): Promise<ReadonlyMap<string, BuiltFile>> {
  const files = new Map<string, BuiltFile>();
  let bytes = 0;
  for (const found of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const type = types[extname(found.name)];
    if (!found.isFile() || type === undefined) continue;
    const path = join(found.parentPath, found.name);
    const plain = await readFile(path);
    const small = await promisify(gzip)(plain, { level: 9 });
    bytes += plain.length + small.length;
    if (bytes > CONSOLE_BYTES_MAX) throw new Error("the console is larger than it may be");
    files.set(relative(folder, path).replaceAll(sep, "/"), { type, plain, gzip: small });
  }
  return files;
}
