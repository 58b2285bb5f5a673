import { totalmem } from "node:os";
import { loadModel } from "@darkbloom/provider/start-provider";
import { command } from "../command.ts";
import { bundledModel, locateModel } from "../model.ts";
import { columns, outputOf } from "../output.ts";

const BYTES_PER_GB = 1e9;

export const providerModels = command({
  path: "provider models",
  does: "Load a model as 'provider start' would, and say what this machine can serve with it.",
  examples: ["provider models", "provider models --model ./Qwen3-8B-Q8_0.gguf --json"],
  needs: {
    model: { default: bundledModel.id },
    build: "optional",
    context: "optional",
    json: { default: "false" },
  },
  async run({ model, build, context, json }) {
    const located = locateModel(model);
    const wanted = { modelPath: located.path, build: build ?? located.build, slots: 1, contextTokens: context };
    await using engine = await loadModel(wanted);
    const { build: name, weightsSha256, contextTokens, tasks, vectorLength } = engine.model;
    // The names are those of a catalog, where the first of them belong.
    const facts = {
      model: located.id,
      build: name,
      weights_sha256: weightsSha256,
      context_tokens: contextTokens,
      tasks: [...tasks],
      ...(vectorLength !== undefined && { dimensions: vectorLength }),
      path: located.path,
      engine: `${engine.name} ${engine.version}`,
    };
    const memoryBytes = totalmem();
    const neededBytes = engine.facts.memory?.neededBytes;
    const needed = neededBytes === undefined ? {} : { memory_needed_bytes: neededBytes };
    outputOf(json).result({ ...facts, memory_bytes: memoryBytes, ...needed }, () =>
      columns([
        ...Object.entries(facts).map(([field, value]) => [field, [value].flat().join(", ")]),
        ["memory", `${gb(memoryBytes)} in this machine`],
        ...(neededBytes === undefined ? [] : [["memory needed", `${gb(neededBytes)} with one slot`]]),
      ]),
    );
    return 0;
  },
});

const gb = (bytes: number): string => `${(bytes / BYTES_PER_GB).toFixed(2)} GB`;
