import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { binary, Folder, get, post, Program, run } from "../running.ts";

const python = process.env["DARKBLOOM_TEST_PYTHON"];
const SLOW_MS = 120_000;
/** Under an alias and with a bound; with a stop string and numbers that the receipt must have; with what it has no words for. */
const further = [
  { model: "parrot", max_tokens: 2 },
  { stop: " water", temperature: 0.5, top_p: 0.9, presence_penalty: 1.0, seed: -1 },
  { tools: [{ type: "function", function: { name: "look", parameters: { type: "object" } } }] },
  { n: 2 },
];
/** The model that a new catalog holds. */
const BUILD = "darkbloom-tiny-q8_0";
const WEIGHTS_SHA256 = "66c30d00c7a5aa9dd8613cf2760c43da0dd96bfb70fa05a98a15c511808f1090";

/**
 * Goal: whoever follows docs/write-a-provider.md gets a provider. Method: one in Python that shares no code with ours joins the real
 * coordinator, is challenged, answers a streamed chat, and the money moves; `verify response` finds the answer in order.
 */
it.skipIf(python === undefined)("serves and is paid (needs DARKBLOOM_TEST_PYTHON)", { timeout: SLOW_MS }, async () => {
  using folder = new Folder();
  const data = join(folder.path, "coordinator");
  const json = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await run(process.execPath, [binary, ...args, "--data", data, "--json"]);
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const { api_key: key } = await json("keys", "create", "--credit", "1.00");
  const alias = ["--alias", "parrot=darkbloom-tiny"];
  await using coordinator = new Program(["coordinator", "--port", "0", "--data", data, ...alias]);
  const at = { base_url: (await coordinator.ready).base_url, api_key: String(key) };

  const program = join(import.meta.dirname, "provider.py");
  const provider = spawn(python ?? "", [program, at.base_url, BUILD, WEIGHTS_SHA256]);
  const gone = once(provider, "exit");
  let printed = "";
  provider.stderr.on("data", (chunk: Buffer) => void (printed += chunk.toString()));
  try {
    const eligible = new Promise<void>((resolve, reject) => {
      createInterface({ input: provider.stdout }).on("line", (line) => {
        printed += line;
        if ((JSON.parse(line) as { eligible?: boolean }).eligible) resolve();
      });
      void gone.then(() => reject(new Error(`it ended: ${printed}`)));
    });
    await eligible;

    const body = {
      model: "darkbloom-tiny",
      stream: true,
      seed: 7,
      max_tokens: 50,
      messages: [{ role: "user", content: "What is rain?" }],
    };
    const answer = await post(at, body, { "x-darkbloom-nonce": "n-1" });
    const told = await answer.text();
    expect([answer.status, printed]).toEqual([200, expect.not.stringContaining("Traceback")]);
    const said = [...told.matchAll(/"content": ?"([^"]*)"/g)].map(([, text]) => text).join("");
    expect(said).toBe("Rain is water.");
    expect(told).toMatch(/data: \[DONE\]\n\n: darkbloom-receipt [\w-]+\n\n$/);

    const { usage } = await get(at, "/v1/payments/usage");
    expect(usage).toEqual([expect.objectContaining({ completion_tokens: 4, outcome: "finished" })]);
    const [{ cost_micro_usd: cost } = { cost_micro_usd: 0 }] = usage as { cost_micro_usd: number }[];
    expect(cost).toBeGreaterThan(0);
    expect(await get(at, "/v1/payments/balance")).toMatchObject({
      balance_micro_usd: 1_000_000 - cost,
      held_micro_usd: 0,
    });
    expect(await json("ledger", "check")).toMatchObject({ balanced: true });

    // What else the body and its header say is read, or refused.
    const outcomes = [];
    for (const more of further) {
      const one = await post(at, { ...body, ...more });
      const text = await one.text();
      const found = (name: string): string[] =>
        [...text.matchAll(new RegExp(`"${name}": ?"([^"]*)"`, "g"))].map(([, value = ""]) => value);
      outcomes.push([one.status, found("content").join(""), found("finish_reason").join(), ...new Set(found("model"))]);
    }
    expect(outcomes).toEqual([
      [200, "Rain is", "length", "darkbloom-tiny"],
      [200, "Rain is", "stop", "darkbloom-tiny"],
      [400, "", ""],
      [502, "", ""],
    ]);
    expect([printed, await json("ledger", "check")]).toEqual([
      expect.not.stringContaining("Traceback"),
      expect.objectContaining({ balanced: true }),
    ]);
  } finally {
    provider.kill();
    await gone;
  }
});
