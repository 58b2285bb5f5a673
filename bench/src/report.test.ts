import { expect, it } from "vitest";
import { stagesOf } from "./stages.ts";
import { targetLines } from "./targets.ts";

/** Goal: what the samples were at is told apart, and waiting is nothing. Method: a profile by hand. */
it("parts a thread's time by what its samples were at", () => {
  const node = (id: number, functionName: string, url: string, ...children: number[]) => ({
    id,
    children,
    callFrame: { functionName, url, lineNumber: 1 },
  });
  const nodes = [
    node(1, "(idle)", ""),
    node(2, "frame", "packages/protocol/src/sealing/answer.ts"),
    node(3, "serve", "apps/coordinator/src/inference/serve.ts"),
    node(4, "run", "elsewhere.ts"),
    node(5, "signOneShot", "node:internal/crypto/sig", 6),
    node(6, "run", ""),
    node(7, "post", "apps/coordinator/src/adapters/sqlite-journal.ts", 8),
    node(8, "run", ""),
  ];
  const samples = [1, 1, 1, 1, 2, 3, 3, 4, 3, 3, 2, 2, 6, 6, 8];
  const found = stagesOf({ nodes, samples }, 22);
  expect(Object.entries(found)).toEqual([
    ["the story", 8],
    ["sealing and opening", 6],
    ["signatures: handing over, and Ed25519", 4],
    ["everything else", 2],
    ["ledger and database", 2],
  ]);
});

/** Goal: a target is met at its bound, and missed beyond it. Method: the streams that are held, of which there are to be so many. */
it.each([
  [511, "MISSED"],
  [512, "met"],
])("says of %i held streams: %s", (held, said) => {
  const measured = { results: {}, paced: { darkbloom: { held, tried: [] } }, memory: {} };
  const lines = targetLines(measured).split("\n");
  expect(lines.find((line) => line.includes("paced"))).toContain(said);
  expect(lines.find((line) => line.includes("plain answer, 64"))).toContain("not measured");
});
