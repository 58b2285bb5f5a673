import { invalid, listOf } from "../fields.ts";
import type { Message, ToolCall } from "../job.ts";
import { argumentsOf } from "../tools.ts";
import { type ResponsesRequest, responsesRequestRules as rules } from "./request-schema.ts";
import { summaryIn } from "./summary.ts";
import { CUSTOM_INPUT, toldName, type ToolName } from "./tools.ts";

type Item = Exclude<ResponsesRequest["input"], string>[number];
type Of<Type> = Extract<Item, { type: Type }>;
type Content = string | Exclude<Of<"function_call_output">["output"], string>;

/**
 * The conversation of a request. What Responses tells as a row of items is one turn of the assistant
 * here: its reasoning, its words and its calls.
 *
 * @throws NetworkError `body_invalid`, naming the field and nothing that was sent
 */
export function messagesOf(
  { input, instructions }: Pick<ResponsesRequest, "input" | "instructions">,
  named: ReadonlyMap<string, ToolName>,
): Message[] {
  const messages: Message[] = [];
  if (typeof instructions === "string" && instructions !== "") messages.push({ role: "system", text: instructions });
  if (typeof input === "string") return [...messages, { role: "user", text: input }];
  const callIds = new Set<string>();
  /** Told, and not yet part of a turn. Dropped where it answers nothing, or nothing follows. */
  let thought = "";
  for (const [at, item] of input.entries()) {
    const where = `input.${at}`;
    switch (item.type) {
      case "reasoning":
        thought = joined(thought, thoughtOf(item));
        continue;
      case "web_search_call":
        continue;
      case "compaction": {
        const text = summaryIn(item);
        if (text === undefined)
          throw invalid(`${where}.encrypted_content`, rules["input.*.encrypted_content"].expected);
        messages.push({ role: "user", text });
        break;
      }
      case "custom_tool_call":
      case "function_call": {
        if (callIds.has(item.call_id)) throw invalid(`${where}.call_id`, rules["input.*.call_id"].expected);
        callIds.add(item.call_id);
        const call = {
          id: item.call_id,
          name: toldName(item.namespace, item.name, named),
          arguments:
            item.type === "function_call"
              ? argumentsOf(item.arguments, `${where}.arguments`)
              : JSON.stringify({ [CUSTOM_INPUT]: item.input }),
        };
        const turn = messages.at(-1)?.role === "assistant" ? messages.pop() : undefined;
        messages.push(turnWith(turn, call, thought));
        break;
      }
      case "custom_tool_call_output":
      case "function_call_output":
        if (!callIds.has(item.call_id)) throw invalid(`${where}.call_id`, rules["input.*.call_id"].expected);
        messages.push({ role: "tool", text: textOf(item.output), callId: item.call_id });
        break;
      case "message":
      case undefined:
      case null: {
        const role = item.role === "developer" ? "system" : item.role;
        const before = messages.at(-1)?.role;
        // It thought to its end and said nothing: a turn all the same, or the user would speak twice.
        if (thought !== "" && role !== "assistant" && (before === "user" || before === "tool"))
          messages.push({ role: "assistant", text: "", thought });
        messages.push({
          role,
          text: textOf(item.content),
          ...(role === "assistant" && thought !== "" && { thought }),
        });
      }
    }
    thought = "";
  }
  if (messages.length === 0) throw invalid("input", rules.input.expected);
  return messages;
}

/** The assistant's turn with one more call; a new turn where there is none to go on with. */
function turnWith(turn: Message | undefined, call: ToolCall, thought: string): Message {
  const thoughts = joined(turn?.thought ?? "", thought);
  return {
    role: "assistant",
    text: turn?.text ?? "",
    toolCalls: [...(turn?.toolCalls ?? []), call],
    ...(thoughts !== "" && { thought: thoughts }),
  };
}

/** What was thought, where the client has it; else what it was summed up to. Ours are the same. */
function thoughtOf({ content, summary }: Of<"reasoning">): string {
  const whole = listOf(content).map((part) => part.text);
  return (whole.length > 0 ? whole : listOf(summary).map((part) => part.text)).join("\n");
}

const joined = (before: string, after: string): string => (before && after ? `${before}\n${after}` : before + after);

const textOf = (content: Content): string =>
  typeof content === "string"
    ? content
    : content.map((part) => (part.type === "refusal" ? part.refusal : part.text)).join("\n");
