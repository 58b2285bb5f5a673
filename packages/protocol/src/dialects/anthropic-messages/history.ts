import { ourWords } from "../../ids.ts";
import { invalid } from "../fields.ts";
import type { Message, ToolCall } from "../job.ts";
import {
  type AssistantBlock,
  type MessagesRequest,
  noSuchCallWords,
  type ResultBlock,
  resultsFirstWords,
  type UserBlock,
} from "./request-schema.ts";

type Texts = NonNullable<MessagesRequest["system"]>;

/**
 * The conversation in the job's words. Neighbours of one role are one turn, as Anthropic reads them:
 * many templates know turns in alternation alone.
 */
export function historyOf({
  system,
  messages,
  context_management: management,
}: Pick<MessagesRequest, "system" | "messages" | "context_management">): readonly Message[] {
  const openCalls = new Set<string>();
  const turns = [...systemTurns(system), ...messages.flatMap((message, at) => turnsOf(message, at, openCalls))];
  const neighbours: [Message, ...Message[]][] = [];
  for (const turn of turns) {
    const last = neighbours.at(-1);
    if (last?.[0].role === turn.role && turn.role !== "tool") last.push(turn);
    else neighbours.push([turn]);
  }
  return keepThoughts(neighbours.map(joined), thinkingTurnsKept(management));
}

/** How many of the latest turns that thought keep their thoughts. */
function thinkingTurnsKept(management: MessagesRequest["context_management"]): number {
  return (management?.edits ?? []).reduce((kept, { keep }) => {
    if (keep === undefined || keep === null) return Math.min(kept, 1);
    return typeof keep === "object" && keep.type === "thinking_turns" ? Math.min(kept, keep.value) : kept;
  }, Infinity);
}

function keepThoughts(turns: readonly Message[], kept: number): readonly Message[] {
  let thinking = turns.filter(({ thought }) => thought !== undefined).length;
  if (thinking <= kept) return turns;
  return turns.map((turn) => {
    if (turn.thought === undefined || thinking-- <= kept) return turn;
    const { thought: _, ...rest } = turn;
    return rest;
  });
}

function systemTurns(system: Texts | null | undefined): readonly Message[] {
  const text = textOf(system ?? "");
  return text === "" ? [] : [{ role: "system", text }];
}

function turnsOf(message: MessagesRequest["messages"][number], at: number, openCalls: Set<string>): readonly Message[] {
  if (typeof message.content === "string") return [{ role: message.role, text: message.content }];
  switch (message.role) {
    case "system":
      return [{ role: "system", text: textOf(message.content) }];
    case "user":
      return userTurns(message.content, at, openCalls);
    case "assistant":
      return [assistantTurn(message.content, at, openCalls)];
  }
}

/** Each result is a turn of its tool; what the user says stands after them. */
function userTurns(blocks: readonly UserBlock[], at: number, openCalls: Set<string>): readonly Message[] {
  const results: Message[] = [];
  const texts: string[] = [];
  for (const [index, block] of blocks.entries()) {
    const path = `messages.${at}.content.${index}`;
    if (block.type === "text") {
      texts.push(block.text);
      continue;
    }
    if (texts.length > 0) throw invalid(path, resultsFirstWords);
    if (!openCalls.delete(block.tool_use_id)) throw invalid(`${path}.tool_use_id`, noSuchCallWords);
    results.push({ role: "tool", callId: block.tool_use_id, text: resultText(block.content ?? "") });
  }
  return texts.length === 0 ? results : [...results, { role: "user", text: texts.join("\n") }];
}

function assistantTurn(blocks: readonly AssistantBlock[], at: number, openCalls: Set<string>): Message {
  const texts: string[] = [];
  const thoughts: string[] = [];
  const toolCalls: ToolCall[] = [];
  for (const [index, block] of blocks.entries())
    switch (block.type) {
      case "text":
        texts.push(block.text);
        break;
      case "thinking":
        thoughts.push(block.thinking);
        break;
      case "redacted_thinking":
        break;
      case "tool_use": {
        openCalls.add(block.id);
        const path = `messages.${at}.content.${index}.input`;
        toolCalls.push({ id: block.id, name: block.name, arguments: inputText(block.input, path) });
        break;
      }
    }
  return assistant(texts, thoughts, toolCalls);
}

/** A body can be parsed at any depth, but not every depth can be written again. */
function inputText(input: unknown, path: string): string {
  try {
    return JSON.stringify(input);
  } catch {
    throw invalid(path, ourWords`it is nested too deep`);
  }
}

function joined(turns: readonly [Message, ...Message[]]): Message {
  const [first] = turns;
  if (turns.length === 1) return first;
  const texts = turns.map(({ text }) => text);
  if (first.role !== "assistant") return { role: first.role, text: lines(texts) };
  return assistant(
    texts,
    turns.map(({ thought }) => thought ?? ""),
    turns.flatMap(({ toolCalls }) => toolCalls ?? []),
  );
}

function assistant(texts: readonly string[], thoughts: readonly string[], toolCalls: readonly ToolCall[]): Message {
  const thought = lines(thoughts);
  return {
    role: "assistant",
    text: lines(texts),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    ...(thought === "" ? {} : { thought }),
  };
}

const textOf = (texts: Texts): string => (typeof texts === "string" ? texts : texts.map(({ text }) => text).join("\n"));

const resultText = (content: string | readonly ResultBlock[]): string =>
  typeof content === "string"
    ? content
    : content.map((block) => (block.type === "text" ? block.text : block.tool_name)).join("\n");

const lines = (texts: readonly string[]): string => texts.filter((text) => text !== "").join("\n");
