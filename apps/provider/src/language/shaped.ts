import type { Message, Tool, ToolCall } from "@darkbloom/protocol";
import type { Abilities } from "./abilities.ts";
import { jsonText } from "./jinja/json.ts";
import { callsText } from "./tool-syntax.ts";
import { toolValue } from "./values.ts";

/**
 * The same conversation, in the forms that a template can be told: the one place where gaps of templates
 * are filled. Nothing of it is lost; only where and in which words it stands changes.
 */
export function shaped(messages: readonly Message[], tools: readonly Tool[], abilities: Abilities): readonly Message[] {
  const withTools =
    abilities.tools === "native" ? inTheirPlaces(messages, abilities) : inPlainWords(messages, tools, abilities);
  const withSystem = systemWhereItMayStand(withTools, abilities.system);
  const begun = abilities.assistantMayBegin ? withSystem : userFirst(withSystem);
  return abilities.turns === "alternating" ? inTurns(begun) : begun;
}

const lines = (...texts: readonly string[]): string => texts.filter((text) => text !== "").join("\n\n");

/** Calls where a template has a place for them. */
function inTheirPlaces(messages: readonly Message[], { calls, toolSyntax }: Abilities): Message[] {
  const results = new Map(messages.filter(({ callId }) => callId !== undefined).map((one) => [one.callId, one]));
  const told: Message[] = [];
  /** Results that have been told beside their calls. */
  const early = new Set<Message>();
  for (const message of messages) {
    const { toolCalls = [], text, thought } = message;
    if (early.has(message)) continue;
    if (message.role === "user" && told.at(-1)?.role === "tool" && !calls.userAfterResult)
      told.push({ role: "assistant", text: "" });
    if (toolCalls.length === 0) told.push(message);
    else if (calls.told === "as_text") told.push(asText(message, toolCalls, (some) => callsText(toolSyntax, some)));
    else {
      const beside = calls.textBeside ? text : "";
      if (text !== "" && beside === "") told.push({ role: "assistant", text });
      if (calls.perTurn === "many" || toolCalls.length === 1) told.push({ ...message, text: beside });
      else
        for (const [at, call] of toolCalls.entries()) {
          told.push({
            role: "assistant",
            text: at === 0 ? beside : "",
            toolCalls: [call],
            ...(at === 0 && thought !== undefined && { thought }),
          });
          const result = results.get(call.id);
          if (!result) continue;
          told.push(result);
          early.add(result);
        }
    }
  }
  return told;
}

function asText(
  { text, thought }: Message,
  calls: readonly ToolCall[],
  written: (calls: readonly ToolCall[]) => string,
): Message {
  return {
    role: "assistant",
    text: [text, written(calls)].filter((part) => part !== "").join("\n"),
    ...(thought !== undefined && { thought }),
  };
}

/** For templates that know nothing of tools: tools, calls and results as ordinary text of a system, an assistant and a user. */
function inPlainWords(messages: readonly Message[], tools: readonly Tool[], { toolSyntax }: Abilities): Message[] {
  const told: Message[] = [];
  for (const message of messages) {
    const { role, text, toolCalls = [] } = message;
    const before = told.at(-1);
    // Results of one turn become one message: many templates want the roles to alternate.
    if (role === "tool" && before?.role === "user")
      told.splice(-1, 1, { role: "user", text: `${before.text}\n${text}` });
    else if (role === "tool") told.push({ role: "user", text });
    else if (toolCalls.length > 0) told.push(asText(message, toolCalls, (some) => callsText(toolSyntax, some)));
    else told.push(message);
  }
  if (tools.length === 0) return told;
  const words = [
    "Tools:",
    ...tools.map((tool) => jsonText(toolValue(tool, (text) => text))),
    `To call a tool, reply with only a JSON object {"name": ..., "arguments": ...}.`,
  ].join("\n");
  const [first, ...others] = told;
  return first?.role === "system"
    ? [{ ...first, text: lines(first.text, words) }, ...others]
    : [{ role: "system", text: words }, ...told];
}

function systemWhereItMayStand(messages: readonly Message[], where: Abilities["system"]): readonly Message[] {
  if (where === "anywhere") return messages;
  const text = lines(...messages.filter(({ role }) => role === "system").map((message) => message.text));
  const others = messages.filter(({ role }) => role !== "system");
  if (text === "") return others;
  if (where === "first") return [{ role: "system", text }, ...others];
  const [first, ...rest] = others;
  return first?.role === "user"
    ? [{ ...first, text: lines(text, first.text) }, ...rest]
    : [{ role: "user", text }, ...others];
}

const userFirst = (messages: readonly Message[]): readonly Message[] => {
  const at = messages.findIndex(({ role }) => role !== "system");
  return messages[at]?.role === "assistant"
    ? [...messages.slice(0, at), { role: "user", text: "" }, ...messages.slice(at)]
    : messages;
};

/** Neighbours of one role become one message. Calls keep a message of their own: their results follow it. */
function inTurns(messages: readonly Message[]): readonly Message[] {
  const turns: Message[] = [];
  for (const message of messages) {
    const last = turns.at(-1);
    const joins =
      last?.role === message.role && (message.role === "user" || message.role === "assistant") && !last.toolCalls;
    if (!last || !joins) turns.push(message);
    else
      turns.splice(-1, 1, {
        ...last,
        ...message,
        text: lines(last.text, message.text),
        ...(last.thought !== undefined && { thought: lines(last.thought, message.thought ?? "") }),
      });
  }
  return turns;
}
