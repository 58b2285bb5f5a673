import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDataFolder } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import packageFacts from "../package.json" with { type: "json" };
import { commandsFor, groups } from "../src/commands/index.ts";
import { darkbloom, temporaryFolder } from "./binary.ts";

const commands = await commandsFor([]);

describe.concurrent("usage", () => {
  /** Goal: the version is the package's. Method: ask the real binary. */
  it("prints its version", async () => {
    expect(await darkbloom(["--version"])).toEqual({ code: 0, stdout: `${packageFacts.version}\n`, stderr: "" });
  });

  /** Goal: the first screen names every command. Method: compare with the list of commands. */
  it("prints help with every command or its group", async () => {
    const { code, stdout } = await darkbloom(["--help"]);
    expect(code).toBe(0);
    for (const { path } of commands) expect(stdout).toContain(`  ${path.split(" ")[0]}`);
    expect(stdout).toContain("write npx darkbloom");
  });

  /** Goal: a group's help shows how one of its commands is used. Method: each group. */
  it.each(groups)("prints an example for $name", async ({ name, example }) => {
    const { stdout } = await darkbloom([name, "--help"]);
    expect(stdout).toContain(`Examples:\n  darkbloom ${example}`);
    expect(commands.some(({ path }) => example.startsWith(path))).toBe(true);
  });

  /** Goal: help comes with examples and environment names. Method: a command of each depth. */
  it.each([["up"], ["provider", "start"], ["keys", "create"]])(
    "prints help with examples for %s %s",
    async (...path) => {
      const words = path.filter((word) => typeof word === "string");
      const { code, stdout } = await darkbloom([...words, "--help"]);
      expect(code).toBe(0);
      expect(stdout).toContain(`Examples:\n  darkbloom ${words.join(" ")}`);
      expect(stdout).toContain("DARKBLOOM_DATA");
    },
  );

  /** Goal: wrong usage ends with 2, one sentence on stderr and nothing on stdout. Method: a table of mistakes. */
  it.each([
    { args: [], says: "Usage: darkbloom" },
    { args: ["keys"], says: "Usage: darkbloom keys" },
    { args: ["upp"], says: "Did you mean up?" },
    { args: ["up", "--prot", "1"], says: "Did you mean --port?" },
    { args: ["up", "extra"], says: "too many arguments" },
    { args: ["up", "--port"], says: "argument missing" },
    { args: ["up", "--port", "70000"], says: "--port must be a whole number from 0 to 65535" },
    { args: ["up", "--port", "1", "--port", "2"], says: "--port is given 2 times" },
    { args: ["up", "--context", "1"], says: "--context must be a whole number from 256 to 10000000" },
    { args: ["up", "--cors-origin", "*"], says: "--cors-origin must be an origin" },
    { args: ["up", "--requests-per-minute", "0"], says: "--requests-per-minute must be a whole number from 1" },
    { args: ["up", "--providers", "0"], says: "--providers must be a whole number from 1 to 16" },
    { args: ["up", "--model", "/nowhere.gguf"], says: "--model must be a GGUF file" },
    { args: ["coordinator", "--min-trust", "full"], says: "--min-trust must be none, self_signed or hardware" },
    { args: ["up", "--serial-disclosure", "all"], says: "--serial-disclosure must be serial, pseudonym or none" },
    { args: ["coordinator", "--nats", "nats://127.0.0.1"], says: "--nats (DARKBLOOM_NATS) goes with --database" },
    { args: ["coordinator", "--nats", "127.0.0.1:4222"], says: "--nats must be a URL such as" },
    { args: ["coordinator", "--cors-origin", "*"], says: "--cors-origin must be an origin" },
    { args: ["coordinator", "--platform-fee-percent", "101"], says: "from 0 to 100" },
    { args: ["provider", "start"], says: "--coordinator is missing (or DARKBLOOM_COORDINATOR in the environment)" },
    { args: ["provider", "start", "--coordinator", "ftp://x"], says: "--coordinator must be a URL" },
    { args: ["whoami", "--coordinator", "https://a:b@x"], says: "without a user name, ? or #.\n" },
    {
      args: ["provider", "doctor", "--identity", "chip"],
      says: "--identity must be software, tpm, secure-enclave or auto",
    },
    { args: ["provider", "doctor", "--tpm", "tpm0"], says: "--tpm must be a device such as /dev/tpmrm0" },
    { args: ["provider", "login"], says: "The join token must be a secret" },
    { args: ["keys", "create", "--credit", "-1"], says: "--credit must be an amount in USD" },
    { args: ["keys", "create", "--credit", "0.0000001"], says: "up to six decimals" },
    { args: ["keys", "revoke"], says: "missing required argument 'KEY_ID'" },
    { args: ["credit", "--account", "acct_1"], says: "--amount is missing" },
    { args: ["credit", "--amount", "1"], says: "give --account or --key" },
    { args: ["credit", "--amount", "1", "--account", "a", "--key", "k"], says: "give one of them" },
    { args: ["credit", "--amount", "0", "--account", "a"], says: "above zero" },
  ])("refuses $args", async ({ args, says }) => {
    const { code, stdout, stderr } = await darkbloom(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(says);
  });

  /** Goal: the environment is read like flags, and flags win. Method: wrong and right values in both places. */
  it("reads the environment, and lets flags win", async () => {
    using folder = temporaryFolder();
    const wrong = await darkbloom(["up"], { environment: { DARKBLOOM_PORT: "http" } });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('DARKBLOOM_PORT must be a whole number from 0 to 65535, not "http"');
    const environment = { DARKBLOOM_DATA: join(folder.path, "net"), DARKBLOOM_CREDIT: "9", DARKBLOOM_JSON: "yes" };
    const created = await darkbloom(["keys", "create", "--credit", "1.25"], { environment });
    expect(JSON.parse(created.stdout)).toHaveProperty("api_key");
    const { key_id: key } = JSON.parse(created.stdout);
    const credited = await darkbloom(["credit", "--key", key, "--amount", "0"], { environment });
    expect(credited.code).toBe(2);
    const balance = await darkbloom(["credit", "--key", key, "--amount", "0.000001"], { environment });
    expect(JSON.parse(balance.stdout)).toMatchObject({ balance_usd: "1.250001" });
  });

  /** Goal: a misspelt name does not pass unseen. Method: one letter moved; and a name that is nobody's. */
  it("warns of a misspelt environment name", async () => {
    const { code, stderr } = await darkbloom(["--version"], {
      environment: { DARKBLOOM_PROT: "1", DARKBLOOM_BENCH_HOME: "x" },
    });
    expect(code).toBe(0);
    expect(stderr).toBe(
      "Warning: the environment has DARKBLOOM_PROT, which sets nothing. 'darkbloom COMMAND --help' lists the names.\n",
    );
  });

  /** Goal: a secret is not echoed. Method: a join token that is too short. */
  it("keeps a wrong secret out of the message", async () => {
    const { code, stderr } = await darkbloom(["coordinator"], { environment: { DARKBLOOM_JOIN_TOKEN: "hunter2" } });
    expect(code).toBe(2);
    expect(stderr).toContain("DARKBLOOM_JOIN_TOKEN must be a secret");
    expect(stderr).not.toContain("hunter2");
  });

  /** Goal: a token is kept where only its owner reads it. Method: log in over stdin, look at the mode. */
  it("keeps the join token with mode 0600", async () => {
    using folder = temporaryFolder();
    const { code } = await darkbloom(["provider", "login", "--data", folder.path], { input: "0123456789abcdef\n" });
    expect(code).toBe(0);
    expect(statSync(join(folder.path, "join-token")).mode & 0o777).toBe(0o600);
  });

  /** Goal: what cannot be done is said in a sentence, with exit code 1. Method: no provider, a broken model, a file for a folder. */
  it("fails with a sentence", async () => {
    using folder = temporaryFolder();
    const nobody = await darkbloom(["provider", "stop", "--data", folder.path]);
    expect(nobody).toMatchObject({ code: 1, stderr: expect.stringContaining("No provider runs on") });
    const broken = join(folder.path, "broken.gguf");
    writeFileSync(broken, "not a model");
    const model = await darkbloom(["provider", "models", "--model", broken]);
    expect(model).toMatchObject({ code: 1, stderr: expect.stringContaining("is not a model file") });
    const file = await darkbloom(["keys", "create", "--data", broken]);
    expect(file).toMatchObject({ code: 1, stderr: expect.stringContaining("a file stands where a folder is needed") });
    const missing = await darkbloom(["keys", "list", "--data", join(folder.path, "nowhere")]);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("There is no folder") });
  });

  /** Goal: the doctor tells what it can and admits what it cannot. Method: an empty folder and no network. */
  it("examines a machine that has not started", async () => {
    using folder = temporaryFolder();
    const args = [
      "provider",
      "doctor",
      "--data",
      folder.path,
      "--json",
      "--coordinator",
      "http://127.0.0.1:9",
      "--tpm",
      "/dev/no-such-tpm",
    ];
    const { code, stdout } = await darkbloom(args);
    const checks: [id: string, status: string][] = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .map((check) => [check.id, check.status]);
    const ofMachine = checks.filter(([id]) => id.startsWith("here."));
    const status = Object.fromEntries(checks.filter(([id]) => !id.startsWith("here.")));
    if (process.platform === "linux") expect(ofMachine.map(([id]) => id)).toContain("here.secure_boot");
    expect(code).toBe(1);
    expect(status).toEqual({
      "node.version": "pass",
      "model.file": "pass",
      "model.loads": "pass",
      "key.mode": "unknown",
      "key.home": "unknown",
      "coordinator.name": "pass",
      "coordinator.connection": "fail",
      "coordinator.certificate": "unknown",
      "coordinator.reachable": "unknown",
      "coordinator.websocket": "unknown",
      "coordinator.join": "unknown",
      "clock.difference": "unknown",
      "provider.eligible": "unknown",
    });
  });

  /** Goal: a loaded model is described as the catalog needs it. Method: the bundled one. */
  it("describes the bundled model", async () => {
    const told = await darkbloom(["provider", "models"]);
    expect(told.stdout).toMatch(/^build +darkbloom-tiny-q8_0$/m);
    expect(told.stdout).toMatch(/^memory +[\d.]+ GB in this machine$/m);
    const { code, stdout } = await darkbloom(["provider", "models", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      model: "darkbloom-tiny",
      build: "darkbloom-tiny-q8_0",
      context_tokens: 2048,
    });
    // What `provider start --context` would offer.
    const asked = await darkbloom(["provider", "models", "--context", "512", "--json"]);
    expect(JSON.parse(asked.stdout)).toMatchObject({ context_tokens: 512 });
  });

  /** Goal: a wished context is never lowered without a word. Method: one token more than the model was trained for. */
  it.each([[["provider", "models"]], [["models", "inspect", "darkbloom-tiny"]]])(
    "refuses a context that the model was not trained for: %j",
    async (args) => {
      const end = await darkbloom([...args, "--context", "2049"]);
      expect([end.code, end.stdout]).toEqual([1, ""]);
      expect(end.stderr).toMatch(
        /was trained for a context of 2048 tokens, and 2049 are asked for\. Lower --context to 2048, or leave it out\.$/m,
      );
    },
  );

  /**
   * Goal: a provider that crashed, or hangs, never "may earn". Method: a status file that says so, a minute old, in a folder
   * whose lock nobody holds, then somebody.
   */
  it("says when a provider was last seen", async () => {
    using folder = temporaryFolder();
    const at = new Date(Date.now() - 60_000).toISOString();
    const good = { connected: true, eligible: true, trust_level: "self_signed", provider_id: "prov_1", lost: null };
    const self = {
      pid: 1,
      serial: "SW-1",
      identity_sha256: "0".repeat(64),
      serial_alias: null,
      coordinator: "http://c",
    };
    const counts = { checks: [], posture: [], answered: 1, failed: 0, last_failure: null };
    const status = { ...self, ...good, ...counts, engine: "ready", engine_reason: null, at };
    writeFileSync(join(folder.path, "status.json"), JSON.stringify(status));
    const ask = async () => await darkbloom(["provider", "status", "--data", folder.path]);
    expect(await ask()).toMatchObject({ code: 1, stdout: expect.stringContaining(`The last one was seen ${at}.`) });
    await using _held = await openDataFolder(folder.path, "provider");
    const hangs = await ask();
    expect(hangs).toMatchObject({ code: 1, stdout: expect.stringContaining(`It was last seen ${at}: its process 1`) });
    expect(hangs.stdout).not.toContain("may earn");
    const { stdout } = await darkbloom(["provider", "status", "--data", folder.path, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ running: false, eligible: false, last_seen: at });
  });
});

describe.concurrent("keys and credit without a coordinator", () => {
  /**
   * Goal: an operator can prepare accounts before the first start, and a slip of the hand in --data does not pass unseen.
   * Method: make, list, credit, revoke, check, on one folder; only the first finds it new.
   */
  it("keeps accounts in the folder", async () => {
    using folder = temporaryFolder();
    const data = ["--data", folder.path, "--json"];
    const notes: string[] = [];
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await darkbloom([...args, ...data]);
      expect(code).toBe(0);
      notes.push(stderr);
      return stdout
        .trim()
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    };
    const [created] = await run("keys", "create", "--credit", "5.00", "--name", "laptop");
    expect(created.api_key).toMatch(/^eigeninference-[A-Za-z0-9_-]{43}$/);
    const [second] = await run("keys", "create", "--account", created.account);
    expect(second.account).toBe(created.account);
    const [credited] = await run("credit", "--account", created.account, "--amount", "1.5");
    expect(credited).toMatchObject({ account: created.account, balance_micro_usd: 6_500_000, balance_usd: "6.500000" });
    const [revoked] = await run("keys", "revoke", created.key_id);
    expect(revoked).toMatchObject({ key_id: created.key_id });
    const keys = await run("keys", "list");
    expect(keys).toMatchObject([
      { key_id: created.key_id, name: "laptop", revoked_at: revoked.revoked_at, balance_usd: "6.500000" },
      { key_id: second.key_id, name: "", revoked_at: null, balance_micro_usd: 6_500_000 },
    ]);
    expect(JSON.stringify(keys)).not.toContain(created.api_key);
    expect(keys[0].label).toBe(`${created.api_key.slice(0, 18)}…${created.api_key.slice(-4)}`);
    const listed = await darkbloom(["keys", "list", "--data", folder.path]);
    const [head, first] = listed.stdout.split("\n").map((line) => line.split(/ {2,}/));
    expect(head).toEqual(["KEY ID", "ACCOUNT", "BALANCE USD", "MADE", "USED USD", "STATE", "BOUND TO", "NAME"]);
    const state = `revoked ${revoked.revoked_at}`;
    const used = "0.000000";
    expect(first).toEqual([
      created.key_id,
      created.account,
      "6.500000",
      expect.any(String),
      used,
      state,
      "-",
      "laptop",
    ]);
    expect(await run("ledger", "check")).toEqual([{ balanced: true, faults: [] }]);
    expect(notes.shift()).toBe(
      `No coordinator has used ${folder.path} yet; it was made now. The key works where 'darkbloom coordinator --data ${folder.path}' runs.\n`,
    );
    expect(notes.join("")).toBe("");
  });

  /** Goal: what bounds a key is changed by its id, and its secret replaced. Method: each command on one key, and what it says of it. */
  it("changes keys", async () => {
    using folder = temporaryFolder();
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await darkbloom([...args, "--data", folder.path, "--json"]);
      return code === 0 ? JSON.parse(stdout) : [code, stderr];
    };
    const made = await run("keys", "create", "--models", "a,b", "--privacy", "sealed", "--expires", "30d");
    const { key_id: id } = made;
    const bounds = { key_id: id, allowed_models: ["a", "b"], privacy: "sealed", disabled: false, revoked_at: null };
    const shown = await run("keys", "show", id);
    expect(shown).toMatchObject({ ...bounds, last_used_at: null, balance_usd: "0.000000" });
    expect(Date.parse(shown.expires_at) - Date.parse(shown.created_at)).toBeGreaterThan(29 * 86_400_000);
    const changed = { ...bounds, allowed_models: [], expires_at: null };
    expect(await run("keys", "edit", id, "--models", "any", "--expires", "never")).toMatchObject(changed);
    expect(await run("keys", "disable", id)).toMatchObject({ ...changed, disabled: true });
    expect(await run("keys", "enable", id)).toMatchObject(changed);
    const rotated = await run("keys", "rotate", id, "--overlap", "10m");
    expect(rotated).toEqual({ api_key: expect.not.stringContaining(made.api_key), account: made.account, key_id: id });
    expect((await run("keys", "show", id)).label.slice(-4)).toBe(rotated.api_key.slice(-4));
    expect(await run("keys", "edit", id)).toEqual([2, expect.stringContaining("Nothing is to be changed")]);
    expect(await run("keys", "edit", id, "--expires", "2001-01-01")).toEqual([
      1,
      expect.stringContaining("'expires_at' is not valid"),
    ]);
    await run("keys", "revoke", id);
    expect(await run("keys", "rotate", id)).toEqual([1, expect.stringContaining("was revoked")]);
  });

  /** Goal: a folder of `up` leads to its coordinator. Method: a `coordinator` folder inside; the key must be in there. */
  it("finds the coordinator inside a folder of up", async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, "coordinator"));
    await darkbloom(["keys", "create", "--data", folder.path]);
    const { stdout } = await darkbloom(["keys", "list", "--data", join(folder.path, "coordinator"), "--json"]);
    expect(stdout.trim().split("\n")).toHaveLength(1);
  });

  /** Goal: unknown names fail with what helps. Method: a key and an account that nobody made. */
  it("says where ids are listed", async () => {
    using folder = temporaryFolder();
    for (const args of [
      ["keys", "revoke", "key_0"],
      ["credit", "--account", "acct_0", "--amount", "1"],
    ]) {
      const { code, stderr } = await darkbloom([...args, "--data", folder.path]);
      expect(code).toBe(1);
      expect(stderr).toContain("darkbloom keys list");
    }
  });
});
