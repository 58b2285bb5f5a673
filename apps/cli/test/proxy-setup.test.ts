import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { darkbloom, temporaryFolder, type Ended } from "./binary.ts";

const TOKEN = "dbproxy-test";
const URL_V1 = "http://127.0.0.1:8181/v1";

/** A home with a proxy's folder in it. */
function home() {
  const folder = temporaryFolder();
  const data = join(folder.path, "proxy");
  mkdirSync(data);
  writeFileSync(join(data, "proxy-token"), `${TOKEN}\n`, { mode: 0o600 });
  const environment = { HOME: folder.path };
  return {
    file: (name: string) => join(folder.path, name),
    setup: (...args: string[]): Promise<Ended> =>
      darkbloom(["proxy", "setup", ...args, "--data", data], { environment }),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

interface Case {
  readonly program: string;
  readonly file: string;
  /** What its user has already. */
  readonly own: string;
  readonly read: (text: string) => unknown;
  readonly wanted: object;
}

const cases: readonly Case[] = [
  {
    program: "claude-code",
    file: ".claude/settings.json",
    own: '{\n  "env": { "ANTHROPIC_BASE_URL": "https://own.example", "MINE": "1" },\n  "theme": "dark"\n}\n',
    read: (text) => JSON.parse(text) as unknown,
    wanted: {
      theme: "dark",
      env: {
        MINE: "1",
        ANTHROPIC_BASE_URL: "http://127.0.0.1:8181",
        ANTHROPIC_AUTH_TOKEN: TOKEN,
        ANTHROPIC_MODEL: "m/1",
      },
    },
  },
  {
    program: "codex",
    file: ".codex/config.toml",
    own: '# mine\nmodel_provider = "own" # it was\napproval_policy = "never"\n\n[model_providers.own]\nname = "own"\nmodel = "kept"\n',
    read: parseToml,
    wanted: {
      model: "m/1",
      model_provider: "darkbloom",
      approval_policy: "never",
      model_providers: {
        own: { name: "own", model: "kept" },
        darkbloom: { base_url: URL_V1, wire_api: "responses", http_headers: { Authorization: `Bearer ${TOKEN}` } },
      },
    },
  },
  {
    program: "opencode",
    file: ".config/opencode/opencode.json",
    own: '{\n  "provider": { "own": {} },\n  "model": "own/one"\n}\n',
    read: (text) => JSON.parse(text) as unknown,
    wanted: {
      model: "darkbloom/m/1",
      provider: { own: {}, darkbloom: { options: { baseURL: URL_V1, apiKey: TOKEN }, models: { "m/1": {} } } },
    },
  },
  {
    program: "aider",
    file: ".aider.conf.yml",
    own: "# mine\nmodel: own # it was\ndark-mode: true\n",
    read: parseYaml,
    wanted: { "dark-mode": true, "openai-api-base": URL_V1, "openai-api-key": TOKEN, model: "openai/m/1" },
  },
  {
    program: "continue",
    file: ".continue/config.yaml",
    own: "name: Mine\nversion: 1.0.0\nmodels:\n  - name: own # it was\n    provider: ollama\n",
    read: parseYaml,
    wanted: {
      name: "Mine",
      models: [
        { name: "own", provider: "ollama" },
        { name: "Darkbloom", provider: "openai", model: "m/1", apiBase: URL_V1, apiKey: TOKEN },
      ],
    },
  },
];

/**
 * Goal: a program's settings are written beside whatever its user has there, and are gone again without a trace. Method: each
 * program's own file, with settings and comments of its user's; read with that form's own parser.
 */
describe.each(cases)("proxy setup $program", ({ program, file, own, read, wanted }) => {
  const model = ["--use-model", "m/1"];

  it("keeps what is its user's, shows what it writes, and takes it back to the byte", async () => {
    using at = home();
    const path = at.file(file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, own);
    const done = await at.setup(program, "--yes", ...model);
    expect([done.code, done.stderr.includes(TOKEN), done.stderr.includes("dbproxy-…")]).toEqual([0, false, true]);
    expect(read(readFileSync(path, "utf8"))).toMatchObject(wanted);
    // Twice is as once.
    const once = readFileSync(path, "utf8");
    expect((await at.setup(program, "--yes", ...model)).code).toBe(0);
    expect(readFileSync(path, "utf8")).toBe(once);
    expect((await at.setup(program, "--undo", "--yes")).code).toBe(0);
    expect(readFileSync(path, "utf8")).toBe(own);
    expect((await at.setup(program, "--undo", "--yes")).code).toBe(1);
  });

  it("keeps what its user wrote since, and puts back what it replaced", async () => {
    using at = home();
    const path = at.file(file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, own);
    await at.setup(program, "--yes", ...model);
    const more = {
      json: (text: string) => text.replace(/^\{/, '{\n  "later": 1,'),
      other: (text: string) => `${text}# later\n`,
    };
    const later = (file.endsWith(".json") ? more.json : more.other)(readFileSync(path, "utf8"));
    writeFileSync(path, later);
    expect((await at.setup(program, "--undo", "--yes")).code).toBe(0);
    const left = readFileSync(path, "utf8");
    expect(left).toContain("later");
    expect(left).not.toMatch(/8181|dbproxy|darkbloom/i);
    expect(read(left)).toMatchObject(read(own) as object);
  });

  it("makes the file where there is none, for its owner alone, and removes it again", async () => {
    using at = home();
    expect((await at.setup(program, "--yes", ...model)).code).toBe(0);
    expect(readFileSync(at.file(file), "utf8")).toContain(TOKEN);
    await at.setup(program, "--undo", "--yes");
    expect(existsSync(at.file(file))).toBe(false);
  });

  it("writes nothing without a yes, nor into a file that it does not understand", async () => {
    using at = home();
    const asked = await at.setup(program, ...model);
    expect([asked.code, existsSync(at.file(file))]).toEqual([1, false]);
    if (program === "codex") return;
    mkdirSync(dirname(at.file(file)), { recursive: true });
    writeFileSync(at.file(file), "[1, 2\n");
    const refused = await at.setup(program, "--yes", ...model);
    expect([refused.code, readFileSync(at.file(file), "utf8")]).toEqual([1, "[1, 2\n"]);
  });
});

it("says what is wrong", async () => {
  using at = home();
  expect((await at.setup("emacs")).stderr).toContain(
    "PROGRAM must be one of claude-code, codex, opencode, aider, continue",
  );
  expect((await at.setup("aider", "--yes")).stderr).toContain("--use-model is missing");
});

/** Goal: the token is its owner's alone. Method: a file that everybody could read, and what the terminal shows both ways. */
it("lets nobody else read the token, and shows it neither way", async () => {
  using at = home();
  const file = at.file(".aider.conf.yml");
  writeFileSync(file, "dark-mode: true\n", { mode: 0o644 });
  const done = await at.setup("aider", "--use-model", "m", "--yes");
  expect([done.code, statSync(file).mode & 0o777]).toEqual([0, 0o600]);
  const undone = await at.setup("aider", "--undo", "--yes");
  expect([undone.code, readFileSync(file, "utf8")]).toEqual([0, "dark-mode: true\n"]);
  for (const { stdout, stderr } of [done, undone]) expect(stdout + stderr).not.toContain(TOKEN);
});
