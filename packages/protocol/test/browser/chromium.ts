import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserProvider } from "vitest/node";

/** The distribution's. */
const chromiumPath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));

/** Opens vitest's page in a headless Chromium of its own, and ends it. */
export class Chromium implements BrowserProvider {
  readonly name = "chromium";
  readonly supportsParallelism = false;
  readonly #profile = mkdtempSync(join(tmpdir(), "chromium-"));
  #process: ChildProcess | undefined;

  getCommandsContext(): Record<string, unknown> {
    return {};
  }

  async openPage(_sessionId: string, url: string): Promise<void> {
    await this.#end();
    // Its sandbox needs namespaces that containers seldom give; it opens our own pages only.
    const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
    this.#process = spawn(chromiumPath ?? "chromium", [...flags, `--user-data-dir=${this.#profile}`, url], {
      stdio: "ignore",
    });
  }

  async close(): Promise<void> {
    await this.#end();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  async #end(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (!running || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGKILL");
    await ended;
  }
}
