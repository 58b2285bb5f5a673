import { inspectModel, type Inspected } from "@darkbloom/provider/engine/llama/inspect-model";
import { SLOTS_DEFAULT } from "@darkbloom/provider/engine/llama/model-file";
import type { Abilities } from "@darkbloom/provider/language/abilities";
import { callsText } from "@darkbloom/provider/language/tool-syntax";
import { command } from "../command.ts";
import { CommandFailed } from "../failure.ts";
import { locateModel } from "../model.ts";
import { columns, outputOf } from "../output.ts";

const BYTES_PER_GB = 1e9;

export const modelsInspect = command({
  path: "models inspect",
  does: "Say what a model file can do, and show a prompt of it, without loading its weights.",
  examples: [
    "models inspect ./Qwen3-8B-Q8_0.gguf",
    "models inspect ./Qwen3-8B-Q8_0.gguf --context 32768 --slots 2 --json",
  ],
  needs: {
    context: "optional",
    slots: { default: String(SLOTS_DEFAULT) },
    json: { default: "false" },
  },
  operand: "FILE",
  async run({ context, slots, json }, file) {
    const located = locateModel(file, "FILE");
    const found = await inspectModel({ modelPath: located.path, contextTokens: context, slots });
    const { abilities, sample, refused } = found;
    const line = {
      model: located.id,
      path: located.path,
      name: found.name ?? null,
      architecture: found.architecture,
      parameters: found.parameters,
      file_bytes: found.fileBytes,
      tasks: [...found.tasks],
      trained_context_tokens: found.trainedContextTokens ?? null,
      context_tokens: found.contextTokens,
      slots: found.slots,
      memory_needed_bytes: found.memoryBytes,
      ...(found.vectorLength !== undefined && { dimensions: found.vectorLength }),
      templates: [...found.templates],
      ...(abilities && { abilities: inSnakeCase(abilities) }),
      ...(sample && { sample: inSnakeCase(sample) }),
      ...(refused !== undefined && { refused }),
    };
    outputOf(json).result(line, () => textOf(located.id, located.path, found));
    if (refused !== undefined) throw new CommandFailed(refused);
    return 0;
  },
});

function textOf(id: string, path: string, found: Inspected): string {
  const { abilities, sample, tasks } = found;
  const rows = [
    ["model", id],
    ["path", path],
    ["name in the file", found.name ?? "none"],
    ["architecture", `${found.architecture}, ${(found.parameters / 1e6).toFixed(1)} million parameters`],
    ["file", `${(found.fileBytes / BYTES_PER_GB).toFixed(3)} GB`],
    [
      "memory",
      `${(found.memoryBytes / BYTES_PER_GB).toFixed(2)} GB with ${found.slots} slots of ${found.contextTokens} tokens`,
    ],
    ["tasks", tasks.length > 0 ? tasks.join(", ") : "none"],
    [
      "context",
      `trained for ${found.trainedContextTokens ?? "an unknown number of"} tokens; would offer ${found.contextTokens}`,
    ],
    ...(found.vectorLength === undefined ? [] : [["dimensions", String(found.vectorLength)]]),
    ["templates", found.templates.length > 0 ? found.templates.join(", ") : "none"],
  ];
  return [
    columns(rows),
    ...(abilities ? ["What its chat template can be told:", columns(abilityRows(abilities))] : []),
    ...(sample
      ? [
          `What a conversation with a tool becomes (${sample.promptTokens} tokens):`,
          sample.prompt,
          "Where an answer must have a form, that is no part of the prompt but a grammar of what may be written; --json shows one.",
        ]
      : []),
  ].join("\n\n");
}

function abilityRows({ calls, thoughts, toolSyntax, ...told }: Abilities): string[][] {
  const example = callsText(toolSyntax, [{ name: "NAME", arguments: '{"KEY": "VALUE"}' }]);
  return [
    [
      "system messages",
      { anywhere: "in any place", first: "one, at the beginning", nowhere: "in the user's first" }[told.system],
    ],
    ["turns", told.turns === "free" ? "in any order" : "user and assistant take turns"],
    ["may begin", told.assistantMayBegin ? "user or assistant" : "user"],
    ["content", told.content === "text" ? "as a text" : "as a list of parts"],
    ["tools", told.tools === "native" ? "in its own way" : "in plain words"],
    ["a call", JSON.stringify(example)],
    [
      "calls",
      calls.told === "as_text"
        ? "as the assistant's text"
        : `${calls.perTurn} a turn, arguments as ${calls.arguments === "object" ? "an object" : "a text"}, ${
            { any: "any ids", nine: "ids of nine characters", named: "ids that name the function" }[calls.ids]
          }${calls.textBeside ? "" : ", no text beside them"}`,
    ],
    [
      "results",
      `${calls.results === "natively" ? "in a place of their own" : "as a user's words"}${calls.systemAfterResult ? "" : "; a system message then stands in the last user's"}`,
    ],
    [
      "a user after a result",
      { directly: "yes", after_nothing_said: "after an empty answer", after_words: "after an answer" }[
        calls.userAfterResult
      ],
    ],
    [
      "thoughts",
      thoughts.known
        ? `between ${thoughts.open} and ${thoughts.close}${thoughts.asTokens ? ", which are tokens" : ""}`
        : "none shown",
    ],
    ["earlier thoughts", thoughts.toldAs === undefined ? "left out" : `as ${thoughts.toldAs}`],
    [
      "switch of thinking",
      thoughts.switch
        ? `${thoughts.switch.name}: ${String(thoughts.switch.on)} or ${String(thoughts.switch.off)}`
        : "none",
    ],
    ...(told.speech === "" ? [] : [["before speech", told.speech]]),
    ["goes on with what was begun", told.continues ? "yes" : "no"],
    ["settings", told.settings.length > 0 ? told.settings.join(", ") : "none"],
  ];
}

/** Names of members as all of our JSON has them. */
function inSnakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inSnakeCase);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      inSnakeCase(member),
    ]),
  );
}
