import type { Message, Tool, ToolCall } from "@darkbloom/protocol/dialects";
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
  const withSystem = systemWhereItMayStand(withTools, abilities);
  const begun = abilities.assistantMayBegin ? withSystem : userFirst(withSystem);
  return abilities.turns === "alternating" ? inTurns(begun, abilities.calls.textBeside) : begun;
}

const lines = (...texts: readonly string[]): string => texts.filter((text) => text !== "").join("\n\n");

/** What an assistant is told to have said where a template wants words before a user's. */
const FILLER = "OK.";

/** Calls where a template has a place for them. */
function inTheirPlaces(messages: readonly Message[], { calls, toolSyntax, turns }: Abilities): Message[] {
  const answers = new Map(messages.filter(({ callId }) => callId !== undefined).map((one) => [one.callId, one]));
  const told: Message[] = [];
  /** Results that have been told beside their calls. */
  const early = new Set<Message>();
  /** Words beside calls that stand nowhere yet, and where they may. */
  let owed: { readonly text: string; readonly at: number } | undefined;
  const settle = (): void => {
    if (owed) told.splice(owed.at, 0, { role: "assistant", text: owed.text });
    owed = undefined;
  };
  for (const message of messages) {
    const { role, toolCalls = [], text, thought } = message;
    if (early.has(message)) continue;
    if (role === "user" && owed) settle();
    else if (role === "user" && told.at(-1)?.role === "tool" && calls.userAfterResult !== "directly")
      told.push({ role: "assistant", text: calls.userAfterResult === "after_words" ? FILLER : "" });
    if (role === "assistant" && toolCalls.length === 0) {
      told.push(owed ? { ...message, text: lines(owed.text, text) } : message);
      owed = undefined;
    } else if (toolCalls.length === 0) told.push(message);
    else if (calls.told === "as_text") told.push(asText(message, toolCalls, (some) => callsText(toolSyntax, some)));
    else {
      const beside = calls.textBeside ? text : "";
      // Where turns alternate, a message of its own is one too many if the assistant speaks after the results.
      if (text !== "" && beside === "") {
        if (turns === "free") told.push({ role: "assistant", text });
        else owed = { text: lines(owed?.text ?? "", text), at: owed?.at ?? told.length };
      }
      if (calls.perTurn === "many" || toolCalls.length === 1) told.push({ ...message, text: beside });
      else
        for (const [at, call] of toolCalls.entries()) {
          told.push({
            role: "assistant",
            text: at === 0 ? beside : "",
            toolCalls: [call],
            ...(at === 0 && thought !== undefined && { thought }),
          });
          const result = answers.get(call.id);
          if (!result) continue;
          told.push(result);
          early.add(result);
        }
    }
  }
  settle();
  return calls.results === "as_user" ? resultsAsUser(told) : told;
}

/** Results of one turn become one message: many templates want the roles to alternate. */
function resultsAsUser(messages: readonly Message[]): Message[] {
  const told: Message[] = [];
  let isResult = false;
  for (const message of messages) {
    const last = told.at(-1);
    if (message.role !== "tool") told.push(message);
    else if (last && isResult) told.splice(-1, 1, { ...last, text: `${last.text}\n${message.text}` });
    else told.push({ role: "user", text: message.text });
    isResult = message.role === "tool";
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
  const told = resultsAsUser(messages).map((message) =>
    message.toolCalls && message.toolCalls.length > 0
      ? asText(message, message.toolCalls, (some) => callsText(toolSyntax, some))
      : message,
  );
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

function systemWhereItMayStand(messages: readonly Message[], { system: where, calls }: Abilities): readonly Message[] {
  const isLeftOut = messages.at(-1)?.role === "tool" && !calls.systemAfterResult && where !== "nowhere";
  if (where === "anywhere" && !isLeftOut) return messages;
  const text = lines(...messages.filter(({ role }) => role === "system").map((message) => message.text));
  const others = messages.filter(({ role }) => role !== "system");
  if (text === "") return others;
  // Such a template tells it with the last user's words.
  if (isLeftOut) {
    const at = others.findLastIndex(({ role }) => role === "user");
    return others.map((one, place) => (place === at ? { ...one, text: lines(text, one.text) } : one));
  }
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
function inTurns(messages: readonly Message[], textBeside: boolean): readonly Message[] {
  const turns: Message[] = [];
  for (const message of messages) {
    const last = turns.at(-1);
    const joins =
      last?.role === message.role &&
      (message.role === "user" || message.role === "assistant") &&
      !last.toolCalls &&
      (textBeside || !message.toolCalls);
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
