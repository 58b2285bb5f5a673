import { SLOTS_DEFAULT, THREADS_DEFAULT } from "@darkbloom/provider/engine/llama/model-file";
import { loadModel } from "@darkbloom/provider/start-provider";
import { command } from "../command.ts";
import { CommandFailed } from "../failure.ts";
import { bundledModel, locateModel } from "../model.ts";
import { columns, outputOf } from "../output.ts";

const BYTES_PER_GB = 1e9;

export const providerBenchmark = command({
  path: "provider benchmark",
  does: "Load a model as 'provider start' would, and say how fast this machine runs it, with flash attention and without.",
  examples: ["provider benchmark", "provider benchmark --model ./Qwen3-8B-Q8_0.gguf --json"],
  needs: {
    model: { default: bundledModel.id },
    slots: { default: String(SLOTS_DEFAULT) },
    context: "optional",
    threads: "optional",
    json: { default: "false" },
  },
  async run({ model, slots, context, threads, json }) {
    const { path, id, build } = locateModel(model);
    await using engine = await loadModel({
      modelPath: path,
      build,
      slots,
      contextTokens: context,
      threads: threads ?? THREADS_DEFAULT,
      attentions: [],
    });
    const { attention, memory } = engine.facts;
    if (!attention) throw new CommandFailed(`${path} only embeds: there is no answer to measure.`);
    const { on, off } = attention.paces;
    const told = (paces: typeof on) => ({
      prompt_tokens_per_sec: Math.round(paces.promptTokensPerSec),
      answer_tokens_per_sec: Math.round(paces.decodeTokensPerSec),
    });
    const facts = {
      model: id,
      threads: threads ?? THREADS_DEFAULT,
      flash_attention: attention.flash ? "on" : "off",
      with_flash_attention: told(on),
      without_flash_attention: told(off),
      ...(memory && { memory_needed_bytes: memory.neededBytes, memory_free_bytes: memory.availableBytes }),
    };
    const pace = ({ prompt_tokens_per_sec: prompt, answer_tokens_per_sec: answer }: ReturnType<typeof told>) =>
      `${prompt} tokens/s of a prompt, ${answer} tokens/s of one answer`;
    outputOf(json).result(facts, () =>
      columns([
        ["model", id],
        ["threads", String(facts.threads)],
        ["with flash attention", pace(facts.with_flash_attention)],
        ["without", pace(facts.without_flash_attention)],
        ["taken", attention.flash ? "with" : "without"],
        ...(memory
          ? [["memory", `${gb(memory.neededBytes)} needed with ${slots} slots, ${gb(memory.availableBytes)} free`]]
          : []),
      ]),
    );
    return 0;
  },
});

const gb = (bytes: number): string => `${(bytes / BYTES_PER_GB).toFixed(2)} GB`;
