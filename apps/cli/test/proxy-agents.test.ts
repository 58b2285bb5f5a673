import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundledEntry } from "@darkbloom/coordinator/catalog/bundled";
import { systemClock } from "@darkbloom/protocol/node";
import { ScriptedEngine } from "@darkbloom/provider/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { programOutput } from "../../../packages/testkit/test/clients/program-output.ts";
import { GoldenNetwork } from "../../../packages/testkit/test/goldens/goldens.ts";
import { darkbloom, eventually, Running, temporaryFolder, type Line } from "./binary.ts";

/**
 * Goal: a program that `proxy setup` has set up gets sealed answers, and nothing else has to be told to it. Method: the real
 * programs, from the registries, each in a home of its own that holds nothing but what `proxy setup` wrote there; a network whose
 * scripted engine says one sentence, and the proxy in front of it. `DARKBLOOM_TEST_AGENTS` names the folder in which they were
 * installed; where one is missing its row is skipped.
 */
const installed = process.env["DARKBLOOM_TEST_AGENTS"] ?? "";
const SENTENCE = "The heron is grey.";
const PROGRAM_WAIT_MS = 300_000;

interface Program {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const ask = "Say one sentence.";
const programs: readonly Program[] = [
  {
    name: "claude-code",
    file: "node_modules/@anthropic-ai/claude-code-linux-x64/claude",
    args: ["-p", ask],
    env: { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", DISABLE_AUTOUPDATER: "1", IS_SANDBOX: "1" },
  },
  {
    name: "codex",
    file: "node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex",
    args: ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", ask],
  },
  {
    name: "opencode",
    file: "node_modules/opencode-linux-x64/bin/opencode",
    args: ["run", ask],
    env: { OPENCODE_DISABLE_AUTOUPDATE: "1", OPENCODE_DISABLE_MODELS_FETCH: "1" },
  },
  {
    name: "aider",
    file: "python/bin/aider",
    args: [
      "--yes-always",
      "--no-git",
      "--no-check-update",
      "--analytics-disable",
      "--no-show-model-warnings",
      "--message",
      ask,
    ],
  },
  { name: "continue", file: "node_modules/@continuedev/cli/dist/cn.js", args: ["-p", ask] },
];

const folder = temporaryFolder();
const data = join(folder.path, "proxy");
let network: GoldenNetwork;
let proxy: Running;
let base: string;
let token: string;
beforeAll(async () => {
  const engine = new ScriptedEngine({
    clock: systemClock,
    model: { build: bundledEntry.build, weightsSha256: bundledEntry.weightsSha256, contextTokens: 200_000 },
    script: () => ({ pieces: ["The heron", " is", " grey."] }),
  });
  network = await GoldenNetwork.open(engine);
  const demands = ["--mode", "sealed", "--min-trust", "self_signed"];
  const at = ["--coordinator", network.base_url, "--api-key", network.api_key];
  proxy = new Running(["proxy", "--json", "--port", "0", "--data", data, ...at, ...demands]);
  const ready = (await proxy.ready) as Line & { token: string };
  [base, token] = [ready.base_url, ready.token];
}, 60_000);
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await network[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

interface Told {
  readonly outcome: string;
  readonly mode: string;
  readonly receipt?: { readonly receipt: { readonly privacy: string } };
}

async function answers(): Promise<readonly Told[]> {
  const response = await fetch(`${base}/status`, { headers: { authorization: `Bearer ${token}` } });
  return ((await response.json()) as { recent: readonly Told[] }).recent;
}

for (const { name, file, args, env } of programs) {
  const program = join(installed, file);
  it.skipIf(installed === "" || !existsSync(program))(
    `${name} gets sealed answers by what proxy setup wrote`,
    { timeout: PROGRAM_WAIT_MS },
    async () => {
      const [home, work] = ["home", "work"].map((one) => join(folder.path, name, one)) as [string, string];
      for (const made of [home, work]) mkdirSync(made, { recursive: true });
      writeFileSync(join(work, "note.txt"), "a note");
      const setup = ["proxy", "setup", name, "--yes", "--use-model", bundledEntry.id];
      const where = ["--data", data, "--port", new URL(base).port];
      const done = await darkbloom([...setup, ...where], { environment: { HOME: home } });
      expect([done.code, done.stderr]).toEqual([0, expect.any(String)]);
      const before = (await answers()).length;
      const said = await programOutput(program, args, work, { HOME: home, PATH: process.env["PATH"] ?? "", ...env });
      expect(said).toContain(SENTENCE);
      await eventually(async () => (await answers()).length > before);
      for (const told of (await answers()).slice(0, -before || undefined))
        expect(told).toMatchObject({
          outcome: "verified",
          mode: "sealed",
          receipt: { receipt: { privacy: "sealed" } },
        });
    },
  );
}
