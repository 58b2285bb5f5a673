import { dialects, type EmbedInput } from "@darkbloom/protocol/dialects";
import type { ModelId } from "@darkbloom/protocol/ids";
import { account, Caller, CREDIT, entry, TestNetwork } from "@darkbloom/testkit";
import { codeOf } from "@darkbloom/testkit";
import { describe, expect, it } from "vitest";
import { ScriptedMachine, type Turn } from "../../test/scripted-machine.ts";
import { Catalog } from "../catalog/catalog.ts";
import { serve } from "./serve.ts";

type Script = (turn: Turn) => void | Promise<void>;
const ALIAS = "text-embedding-3-small" as ModelId;
const dialect = dialects["/v1/embeddings"];
const { build, weightsSha256, contextTokens } = entry;
const model = { build, weightsSha256, contextTokens, tasks: ["embed"] as const };
const catalog = new Catalog([entry], [{ name: ALIAS, model: entry.id }]);
const UNIT = [1, 0, 0, 0, 0, 0, 0, 0];

/** A machine that gives these vectors, and signs that it did. */
const giving =
  (...vectors: readonly (readonly number[])[]): Script =>
  async ({ opened, frame, complete }) => {
    const sent: object = JSON.parse(new TextDecoder().decode(opened.body));
    // As a provider does it: an alias becomes the model's own name.
    const { renderer } = dialect.decode({ ...sent, model: opened.header.model });
    const told = renderer({ jobId: "", createdSec: 0, nowSec: () => 0 });
    frame(told.begin({ promptTokens: 2, cachedTokens: 0 }), 0);
    for (const vector of vectors) frame(told.vector?.(Float32Array.from(vector)) ?? "", 0);
    frame(told.end({ promptTokens: 2, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 }), 0, true);
    const usage = { prompt_tokens: 2, cached_tokens: 0, completion_tokens: 0, reasoning_tokens: 0 };
    await complete({ endpoint: "/v1/embeddings", sampling: undefined, finish_reason: undefined, usage });
  };

/** One request to machines with these scripts, in their order, and what came of it. */
async function asked(scripts: readonly Script[], inputs: readonly EmbedInput[] = ["a", "b"], name: string = entry.id) {
  const network = new TestNetwork();
  await network.credit();
  const queue = [...scripts];
  const machines = scripts.map((_, n) => {
    const script: Script = (turn) => queue.shift()?.(turn);
    return new ScriptedMachine(network, script, { name: `prov_${n}`, models: [model] });
  });
  for (const machine of machines) network.fleet.join(machine);
  const caller = new Caller();
  const ask = network.ask(caller, { said: { model: name, input: inputs }, endpoint: "/v1/embeddings" });
  const end = await codeOf(serve({ ...network.net, catalog }, ask, caller));
  const { balance, held } = await network.ledger.totals(account);
  return { end, spent: CREDIT - balance, held, machines, caller };
}

describe("vectors", () => {
  it("are paid where they are what was asked for", async () => {
    const { end, spent, machines, caller } = await asked([giving(UNIT, UNIT)]);
    expect([end, spent]).toEqual(["whole", 2n]);
    expect(machines[0]?.calls).toEqual(["began", "measured"]);
    expect(JSON.parse(new TextDecoder().decode(caller.body))).toMatchObject({ data: [{ index: 0 }, { index: 1 }] });
  });

  it("are what was asked for under another name of the model too", async () => {
    const { end, caller } = await asked([giving(UNIT, UNIT)], ["a", "b"], ALIAS);
    expect(end).toBe("whole");
    expect(JSON.parse(new TextDecoder().decode(caller.body))).toMatchObject({ model: entry.id });
  });

  /** Goal: what is no answer costs nothing and counts against its machine, whose signatures hold. */
  it.each<[what: string, script: Script]>([
    ["too few", giving(UNIT)],
    ["too many", giving(UNIT, UNIT, UNIT)],
    ["of another length", giving(UNIT, [1, 0])],
    [
      "of no numbers",
      giving(
        UNIT,
        UNIT.map(() => NaN),
      ),
    ],
  ])("that are %s cost nothing, and their machine a fault", async (_, script) => {
    const { end, spent, held, machines } = await asked([script]);
    expect([end, spent, held]).toEqual(["provider_fault", 0n, 0n]);
    expect(machines.map(({ calls, distrusted }) => [calls, distrusted])).toEqual([[["began", "faulted"], false]]);
  });

  it("that are wrong are asked of another machine", async () => {
    const { end, spent, machines, caller } = await asked([giving(UNIT), giving(UNIT, UNIT)]);
    expect([end, spent]).toEqual(["whole", 2n]);
    expect(machines.filter(({ calls }) => calls.includes("faulted"))).toHaveLength(1);
    expect(JSON.parse(new TextDecoder().decode(caller.body))).toMatchObject({ data: { length: 2 } });
  });
});

describe("a machine that says an input is too long", () => {
  const tooLong: Script = (turn) => turn.error("context_exceeded", { prompt_tokens: 3_000 });
  const texts = (count: number, text: string) => Array.from({ length: count }, () => text);

  /** Goal: the words of the other inputs do not make one of them long. Method: as many bytes in all, in one text and in many. */
  it.each<[what: string, inputs: readonly EmbedInput[], end: string]>([
    ["one text that may be", ["b ".repeat(1_100)], "context_length_exceeded"],
    ["one text behind others that may be", ["a", "b ".repeat(1_100)], "context_length_exceeded"],
    ["one that just may be", ["b".repeat(2_045)], "context_length_exceeded"],
    ["one that is a token shorter", ["b".repeat(2_044)], "provider_fault"],
    ["many short texts", texts(2_000, "b b"), "provider_fault"],
    ["tokens that just may be", [Array.from({ length: 2_045 }, () => 5)], "context_length_exceeded"],
    ["many tokens in short lists", texts(500, "").map(() => [5, 5, 5, 5, 5]), "provider_fault"],
    ["signs that some tokenizers write out", ["\ufdfa".repeat(130)], "context_length_exceeded"],
    ["as many others", ["\ufb00".repeat(130)], "provider_fault"],
  ])("is judged by each: %s", async (_, inputs, code) => {
    const { end, spent, machines } = await asked([tooLong], inputs);
    expect([end, spent]).toEqual([code, 0n]);
    expect(machines[0]?.calls).toEqual(code === "provider_fault" ? ["faulted"] : []);
  });

  it("is not believed behind a vector, since it has looked before", async () => {
    const late: Script = (turn) => {
      turn.frame('{"object":"list","data":[', 0);
      turn.error("context_exceeded", { prompt_tokens: 3_000 });
    };
    expect((await asked([late], ["b ".repeat(1_100)])).end).toBe("provider_fault");
  });
});
