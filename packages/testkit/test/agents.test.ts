import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundledEntry } from "@darkbloom/coordinator/catalog/bundled";
import { systemClock } from "@darkbloom/protocol/node";
import { ScriptedEngine } from "@darkbloom/provider/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Front } from "./clients/front.ts";
import { programOutput } from "./clients/program-output.ts";
import { Shapes } from "./clients/shapes.ts";
import { GoldenNetwork } from "./goldens/goldens.ts";

/**
 * Goal: coding agents work with nothing but a base URL and a key. Method: the real programs, from the
 * registries, against a coordinator and a provider as they are deployed, whose scripted engine says what a
 * good model would: it calls the agent's own tool to read a file, and tells what it read. Each runs in a
 * folder of its own, without telemetry or updates. `DARKBLOOM_TEST_AGENTS` names the folder in which they
 * were installed; where one is missing its row is skipped.
 */
const installed = process.env["DARKBLOOM_TEST_AGENTS"] ?? "";
const NOTE = "the heron is grey";
const ANSWER = `The note says: ${NOTE}`;

interface Agent {
  readonly name: string;
  readonly program: string;
  /** The tool with which it reads, and what it is to be given. */
  readonly reads: (folder: string) => { readonly tool: string; readonly input: object };
  readonly args: (prompt: string, at: Place) => readonly string[];
  readonly env: (at: Place) => Readonly<Record<string, string>>;
  readonly prepare?: (at: Place) => void;
  /** It asks over a WebSocket, and nothing over HTTP. */
  readonly overWebSocket?: boolean;
  /** The model never comes to an end: what its user is told then. */
  readonly told?: RegExp;
}

interface Place {
  readonly url: string;
  readonly apiKey: string;
  readonly home: string;
  readonly work: string;
}

const model = bundledEntry.id;

const codex = (more: readonly string[]): Omit<Agent, "name"> => ({
  program: "node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex",
  reads: () => ({ tool: "exec_command", input: { cmd: "cat note.txt" } }),
  args: (prompt) => ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", prompt],
  env: ({ apiKey, home }) => ({ DARKBLOOM_API_KEY: apiKey, CODEX_HOME: home }),
  prepare: ({ url, home }) =>
    writeFileSync(
      join(home, "config.toml"),
      [
        `model = "${model}"`,
        'model_provider = "darkbloom"',
        "check_for_update_on_startup = false",
        "[analytics]",
        "enabled = false",
        "[model_providers.darkbloom]",
        'name = "darkbloom"',
        `base_url = "${url}/v1"`,
        'env_key = "DARKBLOOM_API_KEY"',
        'wire_api = "responses"',
        ...more,
      ].join("\n"),
    ),
});

const aider: Omit<Agent, "name"> = {
  program: "python/bin/aider",
  reads: () => ({ tool: "", input: {} }),
  args: (prompt) => [
    "--model",
    `openai/${model}`,
    "--yes-always",
    "--no-git",
    "--no-auto-commits",
    "--no-check-update",
    "--analytics-disable",
    "--no-show-model-warnings",
    "--no-stream",
    "--message",
    prompt,
    "note.txt",
  ],
  env: ({ url, apiKey }) => ({ OPENAI_API_BASE: `${url}/v1`, OPENAI_API_KEY: apiKey }),
};

const agents: readonly Agent[] = [
  {
    name: "Claude Code",
    program: "node_modules/@anthropic-ai/claude-code-linux-x64/claude",
    reads: (folder) => ({ tool: "Read", input: { file_path: join(folder, "note.txt") } }),
    args: (prompt) => ["-p", prompt, "--model", model, "--allowedTools", "Read"],
    env: ({ url, apiKey }) => ({
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: apiKey,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      IS_SANDBOX: "1",
    }),
  },
  { name: "Codex", ...codex([]) },
  { name: "Codex over a WebSocket", ...codex(["supports_websockets = true"]), overWebSocket: true },
  {
    name: "OpenCode",
    program: "node_modules/opencode-linux-x64/bin/opencode",
    reads: (folder) => ({ tool: "read", input: { filePath: join(folder, "note.txt") } }),
    args: (prompt) => ["run", "--model", `darkbloom/${model}`, prompt],
    env: () => ({ OPENCODE_DISABLE_AUTOUPDATE: "1", OPENCODE_DISABLE_MODELS_FETCH: "1" }),
    prepare: ({ url, apiKey, work }) =>
      writeFileSync(
        join(work, "opencode.json"),
        JSON.stringify({
          autoupdate: false,
          share: "disabled",
          provider: {
            darkbloom: {
              npm: "@ai-sdk/openai-compatible",
              options: { baseURL: `${url}/v1`, apiKey },
              models: { [model]: { limit: { context: 200_000, output: 8_192 } } },
            },
          },
        }),
      ),
  },
  { name: "aider", ...aider },
  { name: "aider, whose answer has no bound and no end", ...aider, told: /has hit a token limit!/ },
];

const AGENT_WAIT_MS = 300_000;
const shapes = new Shapes();
/** What the model is to read with, in the run that goes on. */
let reads: ReturnType<Agent["reads"]> = { tool: "", input: {} };
let turns = 0;
let isEndless = false;
let network: GoldenNetwork;
let front: Front;
beforeAll(async () => {
  const engine = new ScriptedEngine({
    clock: systemClock,
    model: { build: bundledEntry.build, weightsSha256: bundledEntry.weightsSha256, contextTokens: 200_000 },
    script: (messages, { tools }) => {
      turns++;
      if (isEndless) return { pieces: Array.from({ length: 200_000 }, () => " again") };
      const last = messages.at(-1);
      if (last?.role !== "tool" && tools.some(({ name }) => name === reads.tool))
        return {
          pieces: ["<tool_call>\n", JSON.stringify({ name: reads.tool, arguments: reads.input }), "\n</tool_call>"],
        };
      const read = messages.some(({ text }) => text.includes(NOTE));
      return { pieces: read ? ["The note says:", ` ${NOTE}`] : ["A note"] };
    },
  });
  network = await GoldenNetwork.open(engine);
  front = await Front.listen(network.base_url, shapes);
}, 60_000);
afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await network[Symbol.asyncDispose]();
});

describe.each(agents)("$name", (agent) => {
  const program = join(installed, agent.program);
  it.skipIf(installed === "" || !existsSync(program))(
    "reads a file with its tool and tells what it read",
    { timeout: AGENT_WAIT_MS },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "darkbloom-agent-"));
      try {
        const [home, work] = [join(folder, "home"), join(folder, "work")];
        for (const made of [home, work]) mkdirSync(made);
        writeFileSync(join(work, "note.txt"), NOTE);
        const at: Place = { url: front.url, apiKey: network.api_key, home, work };
        agent.prepare?.(at);
        reads = agent.reads(work);
        isEndless = agent.told !== undefined;
        turns = 0;
        front.statuses.length = 0;
        front.upgrades = 0;
        const faultsBefore = shapes.faults.length;

        const said = await programOutput(program, agent.args("What does note.txt say?", at), work, {
          HOME: home,
          PATH: process.env["PATH"] ?? "",
          ...agent.env(at),
        });

        if (agent.told) expect(said).toMatch(agent.told);
        else expect(said).toContain(ANSWER);
        expect(turns).toBeGreaterThanOrEqual(reads.tool === "" ? 1 : 2);
        expect(front.statuses.filter((status) => status >= 400)).toEqual([]);
        expect(shapes.faults.slice(faultsBefore)).toEqual([]);
        expect(front.upgrades > 0).toBe(agent.overWebSocket === true);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
