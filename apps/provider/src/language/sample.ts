import type { Message, Tool } from "@darkbloom/protocol/dialects";
import { anyObject, readSchema, type Schema } from "@darkbloom/protocol/schema";
import type { ChatTemplate, Stretch } from "./chat-template.ts";
import { constraintOf } from "./constraint.ts";
import { replyGrammar } from "./constraint-grammar.ts";

const parameters = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
  additionalProperties: false,
};
const tool: Tool = {
  name: "get_weather",
  description: "The weather of a city for the next days.",
  parameters,
  schema: schemaOf(parameters),
};
const form = schemaOf({
  type: "object",
  properties: { rain: { type: "boolean" }, summary: { type: "string" } },
  required: ["rain", "summary"],
  additionalProperties: false,
});

/** What an agent has said by its second turn: all roles, a call and its result, a question that is open. */
const messages: readonly Message[] = [
  { role: "system", text: "You are helpful and brief." },
  { role: "user", text: "Will it rain in Oslo?" },
  {
    role: "assistant",
    text: "",
    toolCalls: [{ id: "call_0", name: tool.name, arguments: '{"city": "Oslo", "days": 1}' }],
  },
  { role: "tool", callId: "call_0", text: "rain, 8 degrees" },
  { role: "user", text: "And in Rome, the next two days?" },
];

export interface Sample {
  readonly stretches: readonly Stretch[];
  /** In llama.cpp's GBNF: all that may be the reply where the tool is offered and the answer has a form. */
  readonly grammar: string;
}

/**
 * What a model is given of one conversation, so that people can read it: with a tool, and with a form for the answer. The
 * form is no part of the prompt.
 *
 * @throws EngineRefusal where the template does not take it
 */
export function sampleOf(template: ChatTemplate): Sample {
  const tools = [tool];
  const { stretches, form: reply } = template.render({ messages, tools });
  const { constraint } = constraintOf({ tools, toolChoice: "auto", parallelToolCalls: true, format: form });
  if (!constraint) throw new RangeError("a form that holds nothing");
  return { stretches, grammar: replyGrammar(constraint, reply).grammar };
}

function schemaOf(schema: Readonly<Record<string, unknown>>): Schema {
  const read = readSchema(schema, "exact");
  return "schema" in read ? read.schema : anyObject;
}
