import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { cleanEnvironment, eventually, temporaryFolder, type Line } from "./binary.ts";

const root = join(import.meta.dirname, "../../..");

/**
 * Goal: what a supervisor starts by the README's command, it can end as well. Method: SIGTERM to npm alone, which tells
 * only the process that it started; nobody may go on listening.
 */
it("ends with npm start", { timeout: 90_000 }, async () => {
  using folder = temporaryFolder();
  const args = ["start", "--silent", "--", "--json", "--port", "0", "--data", folder.path];
  const npm = spawn("npm", args, {
    cwd: root,
    env: cleanEnvironment,
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    const ended = once(npm, "exit");
    let ready: Line | undefined;
    for await (const line of createInterface({ input: npm.stdout })) {
      const parsed: Line = JSON.parse(line);
      if (parsed.event !== "ready") continue;
      ready = parsed;
      break;
    }
    const url = `${ready?.base_url}/health`;
    expect((await fetch(url)).status).toBe(200);
    npm.kill("SIGTERM");
    await ended;
    await eventually(() =>
      fetch(url).then(
        () => false,
        () => true,
      ),
    );
  } finally {
    if (npm.pid !== undefined) endGroup(npm.pid);
  }
});

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // All of it has ended.
  }
}
