import { modelTasks } from "@darkbloom/protocol/dialects";
import { engineRefusals } from "@darkbloom/protocol/provider-words";
import * as z from "zod";
import { attentionFacts } from "../llama/attention.ts";
import type { LoadedModel, Prompt } from "../../inference/engine.ts";
import type { Piece } from "../../language/reply.ts";

/** The shapes of what the engine's process tells beside pieces; each is checked where it is read. */
const text = z.string().max(1024);
const count = z.int().nonnegative();

/** How far loading is. */
export const loadingStep = z.object({
  step: z.enum(["hashing", "loading", "measuring"]),
  /** From 0 to 1. */
  done: z.number().min(0).max(1),
});
export type LoadingStep = z.infer<typeof loadingStep>;

export const loadedFacts = z.object({
  name: text,
  version: text,
  model: z.object({
    build: text,
    weightsSha256: z.string().regex(/^[0-9a-f]{64}$/),
    contextTokens: count.min(1),
    tokenBytesMax: count.min(1),
    tasks: z.array(z.enum(modelTasks)).min(1).max(modelTasks.length).readonly(),
    vectorLength: count.min(1).exactOptional(),
  } satisfies Record<keyof LoadedModel, z.ZodType>),
  slots: count.min(1).max(1024),
  /** Of its own process. */
  posture: z
    .array(z.object({ name: text, status: z.enum(["pass", "fail", "unknown"]), seen: text, remedy: text }))
    .max(64),
  attention: attentionFacts.optional(),
  memory: z.object({ neededBytes: count, availableBytes: count }).optional(),
});
export type LoadedFacts = z.infer<typeof loadedFacts>;

export const beat = z.object({ residentBytes: count, stepMs: z.number().nonnegative() });

export const trouble = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("refusal"), code: z.enum(engineRefusals), promptTokens: count.optional() }),
  /** A sentence for the machine's owner. */
  z.object({ kind: z.literal("model"), sentence: z.string().max(2048) }),
  z.object({ kind: z.literal("fault"), name: text, places: z.array(text).max(8) }),
]);
export type Trouble = z.infer<typeof trouble>;

const chance = z.object({ text: z.string(), bytes: z.array(z.int().min(0).max(255)), logprob: z.number() });
/** What a piece has beside its text and its counts. */
export const moreOfPiece = z.object({
  special: z.boolean().exactOptional(),
  logprob: chance.extend({ top: z.array(chance) }).exactOptional(),
} satisfies Record<Exclude<keyof Piece, "text" | "completionTokens" | "cachedTokens">, z.ZodType>);

const callBody = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("object"), head: z.string(), infix: z.string(), tail: z.string() }),
  z.object({ kind: z.literal("parts"), infix: z.string() }),
  z.object({
    kind: z.literal("keyed"),
    infix: z.string(),
    argument: z.object({ open: z.string(), infix: z.string(), close: z.string() }),
  }),
  z.object({ kind: z.literal("quoted"), infix: z.string(), quote: z.string() }),
  z.object({ kind: z.literal("python") }),
]);

/** What a prompt has beside its tokens. */
export const moreOfPrompt = z.object({
  opensThinking: z.boolean(),
  thought: z
    .object({ open: z.string(), close: z.string(), asTokens: z.boolean(), expected: z.boolean() })
    .exactOptional(),
  speech: z.string().exactOptional(),
  toolSyntax: z
    .object({
      begin: z.string(),
      open: z.string(),
      body: callBody,
      close: z.string(),
      between: z.string(),
      end: z.string(),
    })
    .exactOptional(),
  continues: z.boolean().exactOptional(),
  text: z.string().exactOptional(),
} satisfies Record<Exclude<keyof Prompt, "tokens">, z.ZodType>);
