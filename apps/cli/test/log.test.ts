import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { darkbloom, Running, temporaryFolder } from "./binary.ts";

const SLOW_MS = 180_000;
const run = promisify(execFile);

interface Verified {
  readonly good: boolean;
  readonly size: number;
  readonly entries: Readonly<Record<string, number>>;
  readonly checks: readonly { readonly id: string; readonly status: string }[];
}
interface Receipt {
  readonly log?: { readonly blind: string; readonly proof: string };
}

async function until<Value>(look: () => Promise<Value | undefined>): Promise<Value> {
  for (const untilMs = performance.now() + 20_000; performance.now() < untilMs;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("it did not happen");
}

async function network(data: string) {
  const running = new Running(["up", "--json", "--port", "0", "--data", data]);
  const ready = await running.ready;
  const headers = { authorization: `Bearer ${ready.api_key}`, "content-type": "application/json" };
  const ask = async (): Promise<string> => {
    const body = JSON.stringify({ model: ready.model, max_tokens: 4, messages: [{ role: "user", content: "Hi" }] });
    const response = await fetch(`${ready.base_url}/v1/chat/completions`, { method: "POST", headers, body });
    await response.text();
    return response.headers.get("x-inference-job-id") ?? "";
  };
  const loggedReceipt = (job: string) =>
    until(async () => {
      const text = await (await fetch(`${ready.base_url}/v1/receipts/${job}`, { headers })).text();
      return (JSON.parse(text) as Receipt).log && text;
    });
  const verify = async (...more: string[]) => {
    const { stdout, stderr, code } = await darkbloom([
      "verify",
      "log",
      "--coordinator",
      ready.base_url,
      "--json",
      ...more,
    ]);
    const told = stdout === "" ? undefined : (JSON.parse(stdout) as Verified);
    return {
      told,
      stderr,
      code,
      statuses: Object.fromEntries(told?.checks.map(({ id, status }) => [id, status]) ?? []),
    };
  };
  return { running, ready, ask, loggedReceipt, verify, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}

/**
 * Goal: what a coordinator has said it cannot take back. Method: the real program; its log is verified before and after more
 * answers, a receipt offline; then the same by Go's own implementation where Go is there; then the log is changed, and begun anew.
 */
it("keeps a log that only grows", { timeout: SLOW_MS }, async (test) => {
  using folder = temporaryFolder();
  const file = (name: string): string => join(folder.path, name);
  const data = file("data");
  let proof = "";
  {
    await using net = await network(data);
    const job = await net.ask();
    const receipt = await net.loggedReceipt(job);
    const first = await net.verify("--checkpoint", file("seen"));
    expect([first.code, first.statuses]).toEqual([
      0,
      { "log.signature": "pass", "log.witnesses": "unknown", "log.consistency": "unknown", "log.entries": "pass" },
    ]);
    expect(first.told?.entries).toMatchObject({
      coordinator_key: 1,
      release: 1,
      weights: 1,
      provider_keys: 1,
      receipt: 1,
    });

    await net.loggedReceipt(await net.ask());
    const second = await net.verify("--checkpoint", file("seen"));
    expect([second.code, second.statuses["log.consistency"]]).toEqual([0, "pass"]);
    expect(second.told?.size).toBeGreaterThan(first.told?.size ?? 0);

    writeFileSync(file("receipt.json"), receipt);
    const known = (await (await fetch(`${net.ready.base_url}/.well-known/darkbloom`)).json()) as {
      coordinator_keys: { public_key: string }[];
      log: { verifier_key: string };
    };
    const keys = [
      "--coordinator-key",
      known.coordinator_keys[0]?.public_key ?? "",
      "--log-key",
      known.log.verifier_key,
    ];
    const offline = await darkbloom(["verify", "receipt", file("receipt.json"), ...keys]);
    expect([offline.code, /pass +receipt\.logged/.test(offline.stdout)]).toEqual([0, true]);
    const document = JSON.parse(receipt) as Required<Receipt>;
    writeFileSync(file("blind.json"), JSON.stringify({ ...document, log: { ...document.log, blind: "0".repeat(64) } }));
    const blinded = await darkbloom(["verify", "receipt", file("blind.json"), ...keys]);
    expect([blinded.code, /fail +receipt\.logged/.test(blinded.stdout)]).toEqual([1, true]);
    ({ proof } = document.log);

    if (await hasGo()) {
      const program = join(import.meta.dirname, "log-in-go");
      await run("go", ["build", "-o", file("log-in-go"), "."], {
        cwd: program,
        env: { ...process.env, GOFLAGS: "-mod=readonly" },
      });
      const child = run(file("log-in-go"), [`${net.ready.base_url}/log`, known.log.verifier_key]);
      child.child.stdin?.end(proof);
      expect((await child).stdout).toMatch(/^\d+ entries, receipt at \d+\n$/);
    } else await test.annotate("Go is not here: its implementation was not asked");
  }

  // An entry that is another now: the next start refuses.
  const database = new DatabaseSync(join(data, "coordinator/coordinator.db"));
  const row = database.prepare("SELECT bytes FROM log_tiles WHERE level = 0").get();
  const bytes = Buffer.from(row?.["bytes"] as Uint8Array);
  database
    .prepare("UPDATE log_tiles SET bytes = ? WHERE level = 0")
    .run(Buffer.concat([Buffer.alloc(32), bytes.subarray(32)]));
  database.close();
  const refused = await darkbloom(["coordinator", "--port", "0", "--data", join(data, "coordinator")]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("would contradict what it has signed")]);

  // Begun anew under another key, it is no longer the log that was seen.
  const seen = readFileSync(file("seen"), "utf8");
  await using anew = await network(file("other"));
  const other = await anew.verify("--checkpoint", file("seen"));
  expect([other.code, other.stderr]).toEqual([
    1,
    expect.stringContaining("holds no checkpoint that this log's key signed"),
  ]);
  expect(readFileSync(file("seen"), "utf8")).toBe(seen);
});

const hasGo = (): Promise<boolean> =>
  run("go", ["version"]).then(
    () => true,
    () => false,
  );
