import { totalmem } from "node:os";
import { loadModel } from "@darkbloom/provider";
import { command } from "../command.ts";
import { bundledModel, locateModel } from "../model.ts";
import { columns, outputOf } from "../output.ts";

export const providerModels = command({
  path: "provider models",
  does: "Load a model as 'provider start' would, and say what this machine can serve with it.",
  examples: ["provider models", "provider models --model ./Qwen3-8B-Q8_0.gguf --json"],
  needs: { model: { default: bundledModel.id }, build: "optional", json: { default: "false" } },
  async run({ model, build, json }) {
    const located = locateModel(model);
    await using engine = await loadModel({ modelPath: located.path, build: build ?? located.build, slots: 1 });
    const { build: name, weightsSha256, contextTokens } = engine.model;
    const facts = {
      model: located.id,
      build: name,
      weights_sha256: weightsSha256,
      context_tokens: contextTokens,
      path: located.path,
      engine: `${engine.name} ${engine.version}`,
      memory_bytes: totalmem(),
    };
    outputOf(json).result(facts, () => columns(Object.entries(facts).map(([field, value]) => [field, String(value)])));
    return 0;
  },
});
