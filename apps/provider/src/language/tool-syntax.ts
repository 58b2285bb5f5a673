import type { Message, Tool } from "@darkbloom/protocol";

/**
 * How a model writes a call: `open`, one JSON object with the members `name` and `argumentsKey`, `close`.
 * Several calls follow each other. Both tags may be empty, where the object alone is the call.
 */
export interface ToolSyntax {
  readonly open: string;
  readonly close: string;
  readonly argumentsKey: "arguments" | "parameters";
}

/** The object alone is the call. */
export const bareCalls: ToolSyntax = { open: "", close: "", argumentsKey: "arguments" };
const tagged: ToolSyntax = { open: "<tool_call>\n", close: "\n</tool_call>", argumentsKey: "arguments" };
/** As Llama 3 is told: `{"name": function name, "parameters": dictionary of argument name and its value}`. */
const saysParameters = /\{\\?"name\\?":[^{}]*\\?"parameters\\?":/;

/**
 * How a model writes a call, by what its chat template tells it. The words of a template are the only
 * place where a model file says so.
 */
export function toolSyntaxOf(template: string): ToolSyntax {
  if (template.includes("<tool_call>")) return tagged;
  return saysParameters.test(template) ? { ...bareCalls, argumentsKey: "parameters" } : bareCalls;
}

/** Whether a template has a place for tools. */
export const takesTools = (template: string): boolean => /\btools\b/.test(template);

/** A tool as chat templates expect it, which is OpenAI's form. */
export const describedTool = ({ name, description, parameters }: Tool) => ({
  type: "function",
  function: { name, ...(description !== undefined && { description }), parameters },
});

/**
 * For templates that know nothing of tools: the tools, the calls and their results as ordinary text of a
 * system, an assistant and a user.
 */
export function toolsInPlainWords(messages: readonly Message[], tools: readonly Tool[]): Message[] {
  const told: Message[] = [];
  for (const { role, text, toolCalls = [], thought } of messages) {
    const before = told.at(-1);
    const calls = toolCalls.map((call) => `{"name": ${JSON.stringify(call.name)}, "arguments": ${call.arguments}}`);
    // Results of one turn become one message: many templates want the roles to alternate.
    if (role === "tool" && before?.role === "user")
      told.splice(-1, 1, { role: "user", text: `${before.text}\n${text}` });
    else if (role === "tool") told.push({ role: "user", text });
    else
      told.push({
        role,
        text: [text, ...calls].filter((part) => part !== "").join("\n"),
        ...(thought !== undefined && { thought }),
      });
  }
  if (tools.length === 0) return told;
  const words = [
    "Tools:",
    ...tools.map((tool) => JSON.stringify(describedTool(tool))),
    'To call a tool, reply with only a JSON object {"name": ..., "arguments": ...}.',
  ].join("\n");
  const [first, ...others] = told;
  return first?.role === "system"
    ? [{ ...first, text: `${first.text}\n\n${words}` }, ...others]
    : [{ role: "system", text: words }, ...told];
}
