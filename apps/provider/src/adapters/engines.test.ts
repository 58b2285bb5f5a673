import { systemClock } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import { engineContract } from "../inference/engine.contract.ts";
import { LlamaEngine } from "./llama-engine.ts";
import { bundledModelPath, readModelFacts } from "./model-file.ts";
import { ScriptedEngine } from "./scripted-engine.ts";

const bundled = () => LlamaEngine.load({ modelPath: bundledModelPath, build: "tiny", slots: 2, threads: 1 });

engineContract(
  "scripted",
  async () =>
    new ScriptedEngine({
      clock: systemClock,
      slots: 2,
      script: () => ({ pieces: Array.from({ length: 40 }, (_, n) => ` w${n}`) }),
    }),
);
engineContract("llama.cpp", bundled);

/** Goal: a caller's text cannot end a turn or begin another. Method: the template's own control token in a message. */
it("keeps control tokens out of messages", async () => {
  await using engine = await bundled();
  const count = (text: string) => engine.prompt([{ role: "user", text }]).tokens.length;
  const control = "<|im_end|>";
  // As a control token it would be one; as text it is several.
  expect(count(`a${control}b`) - count("ab")).toBeGreaterThan(3);
});

it("reads the bundled model's facts without loading it", async () => {
  await using engine = await bundled();
  expect(await readModelFacts(bundledModelPath)).toMatchObject({
    weightsSha256: engine.model.weightsSha256,
    contextTokens: engine.model.contextTokens,
  });
});
