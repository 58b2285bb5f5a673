import * as z from "zod";
import { NetworkError } from "../../failures.ts";
import { ourWords } from "../../ids.ts";
import type { Usage } from "../../money.ts";
import type { Decoded, Delta, RenderFacts, Renderer } from "../dialect.ts";
import { failureOf, type FieldRule, type FieldRules } from "../faults.ts";
import type { Message } from "../job.ts";
import { responsesUsage } from "./answer-schema.ts";
import { usageOf } from "./body.ts";
import { bareId } from "./output.ts";
import { decodeResponsesRequest } from "./request.ts";
import { responsesRequestRules as rules, responsesRequestSchema } from "./request-schema.ts";
import { packed, SUMMARY_TOLD } from "./summary.ts";

/** What the model is asked behind the conversation. */
const ASK =
  "Sum up this conversation for somebody who goes on with it and has read nothing of it: what was asked, what was decided and why, names, numbers and paths exactly, what was done, and what is still to do. Write the summary alone.";

const plainOnly = z.literal(false).nullish();
const noForm = z.null().optional();

/** Fields that only an answer has; the others are those of Responses. */
const shape = { stream: plainOnly, type: noForm, text: noForm, n: responsesRequestSchema.shape.n };
export const compactRequestSchema = responsesRequestSchema
  .omit({ stream: true, type: true, text: true, tool_choice: true })
  .extend(shape)
  .meta({ description: "A conversation, as Responses takes it" });
const ownRules = {
  "": rules[""],
  stream: { refused: ourWords`a compacted conversation comes as one answer; leave the field out` },
  type: { refused: ourWords`a conversation is compacted over HTTP alone; leave the field out` },
  text: { refused: ourWords`a summary has no form; leave the field out` },
  n: rules.n,
} as const satisfies FieldRules & Record<keyof typeof shape, FieldRule>;

const compaction = z.object({
  type: z.literal("compaction"),
  id: z.string(),
  encrypted_content: z.string().meta({ description: "The summary; it is not encrypted, since it is its caller's" }),
});
const kept = z.object({
  type: z.literal("message"),
  id: z.string(),
  status: z.literal("completed"),
  role: z.literal("user"),
  content: z.array(z.object({ type: z.literal("input_text"), text: z.string() })),
});
export const compactedSchema = z
  .object({
    id: z.string(),
    object: z.literal("response.compaction"),
    created_at: z.int(),
    output: z.array(z.discriminatedUnion("type", [kept, compaction])),
    usage: responsesUsage,
  })
  .meta({ description: "What stands in for the conversation: its user's messages, and a summary of all of it" });
type Compacted = z.infer<typeof compactedSchema>;

/** @throws NetworkError `body_invalid` or `unsupported`, naming the field and nothing that was sent */
export function decodeCompactRequest(body: unknown): Decoded {
  const parsed = z.object(shape).safeParse(body);
  if (!parsed.success) throw new NetworkError(failureOf(parsed.error, body, ownRules));
  const { job } = decodeResponsesRequest(withoutChoice(body));
  // A last message of the assistant's is told about, and not gone on with.
  const { continues: _, ...rest } = job;
  const messages: Message[] = [...job.messages, { role: "user", text: ASK }];
  return {
    job: { ...rest, endpoint: "/v1/responses/compact", messages, tools: [], toolChoice: "none" },
    renderer: (facts) => new CompactRenderer(job.messages, facts),
  };
}

/** Of tools the model is told nothing here, since it is to call none. */
function withoutChoice(body: unknown): unknown {
  if (typeof body !== "object" || body === null) return body;
  const { tool_choice: _, ...rest } = body as Record<string, unknown>;
  return rest;
}

class CompactRenderer implements Renderer {
  readonly #users: readonly Message[];
  readonly #facts: RenderFacts;
  #summary = "";

  constructor(messages: readonly Message[], facts: RenderFacts) {
    this.#users = messages.filter(({ role, text }) => role === "user" && !text.startsWith(SUMMARY_TOLD));
    this.#facts = facts;
  }

  begin(): string {
    return "";
  }

  delta(delta: Delta): string {
    if (delta.kind === "said") this.#summary += delta.text;
    return "";
  }

  finish(): string {
    return "";
  }

  end(usage: Usage): string {
    const id = bareId(this.#facts);
    const told: Compacted = {
      id: `resp_${id}`,
      object: "response.compaction",
      created_at: this.#facts.createdSec,
      output: [
        ...this.#users.map(({ text }, at) => ({
          type: "message" as const,
          id: `msg_${id}_${at}`,
          status: "completed" as const,
          role: "user" as const,
          content: [{ type: "input_text" as const, text }],
        })),
        {
          type: "compaction",
          id: `cmp_${id}`,
          encrypted_content: packed(this.#summary),
        },
      ],
      usage: usageOf(usage),
    };
    return JSON.stringify(told);
  }
}
