import type { Message, Tool } from "@darkbloom/protocol/dialects";
import { anyObject } from "@darkbloom/protocol/schema";
import type { CallIds } from "./abilities.ts";

/** A call that was told to a template, in marks that nothing else spells. */
export interface TriedCall {
  readonly id: string;
  readonly name: string;
  /** Two members: a text, and a number of one digit. */
  readonly arguments: readonly [readonly [string, string], readonly [string, number]];
}

export const system = (text: string): Message => ({ role: "system", text });
export const user = (text: string): Message => ({ role: "user", text });
export const says = (text: string): Message => ({ role: "assistant", text });

/** Words that no template has, each in its place. */
export const mark = {
  system: "qzsystem",
  later: "qzlater",
  user: "qzuser",
  again: "qzagain",
  said: "qzsaid",
  thought: "qzthought",
  result: "qzresult",
  other: "qzother",
} as const;

const tool = (name: string): Tool => ({
  name,
  description: "qzdescribed",
  parameters: { type: "object", properties: { qzkeya: { type: "string" }, qzkeyb: { type: "integer" } } },
  schema: anyObject,
});
export const tools = [tool("qztoola"), tool("qztoolb")];
export const idsTried: readonly CallIds[] = ["any", "nine", "named"];

export const triedCalls = (ids: CallIds): readonly [TriedCall, TriedCall] => [
  {
    id: ids === "any" ? "qzida" : ids === "nine" ? "call00000" : "functions.qztoola:0",
    name: "qztoola",
    arguments: [
      ["qzkeya", "qzvala"],
      ["qzkeyb", 7],
    ],
  },
  {
    id: ids === "any" ? "qzidb" : ids === "nine" ? "call00001" : "functions.qztoolb:1",
    name: "qztoolb",
    arguments: [
      ["qzkeya", "qzvalb"],
      ["qzkeyb", 8],
    ],
  },
];
export const calls = [
  { id: "qzida", name: "qztoola", arguments: '{"qzkeya": "qzvala", "qzkeyb": 7}' },
  { id: "qzidb", name: "qztoolb", arguments: '{"qzkeya": "qzvalb", "qzkeyb": 8}' },
] as const;
export const results: readonly [Message, Message] = [
  { role: "tool", text: mark.result, callId: "qzida" },
  { role: "tool", text: mark.other, callId: "qzidb" },
];
