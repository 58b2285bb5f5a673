import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, expect, it } from "vitest";
import { systemClock } from "@darkbloom/protocol/node";
import { CONSOLE_RETRY_MS, ConsoleBuild } from "./console-build.ts";

const folder = mkdtempSync(join(tmpdir(), "console-build-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A build has the lowest priority, on a machine that is seldom idle. */
const slow = { timeout: 30_000 };

function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Goal: who asks sees how far it is, then the files. Method: a build of our own that says what a build says. */
it("tells how far it is, then has the files", async () => {
  const built = join(folder, "built");
  mkdirSync(join(built, "assets"), { recursive: true });
  writeFileSync(join(built, "index.html"), "<p>");
  writeFileSync(join(built, "assets", "a.js"), "1");
  writeFileSync(join(built, "assets", "a.js.map"), "not served");
  const seen = join(folder, "seen");
  const path = script(
    "good.mjs",
    `import { existsSync } from "node:fs";
    if (process.env.DARKBLOOM_JOIN_TOKEN) process.exit(9);
    console.log('{"modules":50}');
    setInterval(() => {
      if (!existsSync(${JSON.stringify(seen)})) return;
      console.log(JSON.stringify({ folder: ${JSON.stringify(built)} }));
      process.exit(0);
    }, 20);`,
  );
  process.env["DARKBLOOM_JOIN_TOKEN"] = "a secret";
  using build = new ConsoleBuild({ clock: systemClock, onFailure: () => {}, script: path });
  expect(build.look()).toEqual({ kind: "building", modules: 0 });
  await expect.poll(() => build.look(), slow).toEqual({ kind: "building", modules: 50 });
  writeFileSync(seen, "");
  await expect.poll(() => build.look().kind, slow).toBe("ready");
  delete process.env["DARKBLOOM_JOIN_TOKEN"];
  const state = build.look();
  const files = state.kind === "ready" ? state.files : undefined;
  expect(new Set(files?.keys())).toEqual(new Set(["assets/a.js", "index.html"]));
  expect(gunzipSync(files?.get("assets/a.js")?.gzip ?? "").toString()).toBe("1");
});

/** Goal: a build that fails is told of and not tried with each request. Method: one that ends at once, and a clock. */
it("tries again only after a while", async () => {
  const path = script("bad.mjs", "process.exit(1)");
  let now = 0;
  const failures: unknown[] = [];
  const clock = { ...systemClock, monotonicMs: () => now };
  using build = new ConsoleBuild({ clock, onFailure: (error) => failures.push(error), script: path });
  for (const after of [0, CONSOLE_RETRY_MS]) {
    now += after;
    expect(build.look().kind).toBe("building");
    await expect.poll(() => build.look().kind, slow).toBe("failed");
    now += CONSOLE_RETRY_MS - 1;
    expect(build.look().kind).toBe("failed");
    now -= CONSOLE_RETRY_MS - 1;
  }
  expect(failures).toHaveLength(2);
});
