import { bundledEntry } from "@darkbloom/coordinator/catalog/bundled";
import { TOKEN_BYTES_MAX } from "@darkbloom/protocol/limits";
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { goldenCases } from "./cases.ts";
import { ask, goldenFile, GoldenNetwork, readTakes } from "./goldens.ts";
import { ReplayEngine } from "./tape.ts";

const { build, weightsSha256, contextTokens } = bundledEntry;
const model = {
  build,
  weightsSha256,
  contextTokens,
  tokenBytesMax: TOKEN_BYTES_MAX,
  tasks: ["generate", "complete"] as const,
};
const engine = new ReplayEngine(model);
const takes = readTakes();
let network: GoldenNetwork;
beforeAll(async () => {
  network = await GoldenNetwork.open(engine);
}, 60_000);
afterAll(() => network[Symbol.asyncDispose]());

/**
 * Goal: no byte of any dialect's answer changes unseen. Method: the pieces that the bundled model once
 * made, said again through the whole program, against the bytes that were kept; `npm run goldens` keeps
 * new ones.
 */
describe("an answer is byte for byte what it was", () => {
  it.each(goldenCases)("$name", async (one) => {
    engine.take = takes[one.name];
    expect(await ask(network, one)).toBe(readFileSync(goldenFile(one.name), "utf8"));
  });
});

/** Goal: what is kept is worth keeping. Method: look for what each case is about. */
it("keeps answers of every kind, and nothing else", () => {
  const names = goldenCases.map(({ name }) => name);
  expect(Object.keys(takes).toSorted()).toEqual(names.toSorted());
  const kept = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".txt"));
  expect(kept.toSorted()).toEqual(names.map((name) => `${name}.txt`).toSorted());
  const signs: [part: string, sign: RegExp][] = [
    [".tool-call.", /get_weather/],
    [".structured.plain", /topic/],
    [".stopped.", /"stop_sequence":"water"/],
    [".logprobs.", /-?\d\.\d+/],
    ["-completions.thinking.", /"reasoning_content":"/],
    ["responses.thinking.", /"summary_text"/],
    ["messages.thinking.", /"thinking"/],
    [".stream", /: darkbloom-receipt RECEIPT\n\n$/],
    [".plain", /\}$/],
  ];
  for (const name of names)
    for (const [part, sign] of signs)
      if (name.includes(part))
        expect([name, readFileSync(goldenFile(name), "utf8")]).toEqual([name, expect.stringMatching(sign)]);
  for (const name of names) expect(readFileSync(goldenFile(name), "utf8")).not.toContain("think>");
});
