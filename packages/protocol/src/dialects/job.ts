import type { Serial } from "../ids.ts";

/** The inference endpoints. Each is one dialect of the same path. */
export const endpoints = ["/v1/chat/completions"] as const;
export type Endpoint = (typeof endpoints)[number];

export type Role = "system" | "user" | "assistant";
export interface Message {
  readonly role: Role;
  readonly text: string;
}

/** What steers the sampler; all of it is written into the receipt. */
export interface Sampling {
  /** 0–2. */
  readonly temperature: number;
  /** Above 0, at most 1. */
  readonly topP: number;
  /** Absent: the provider draws one, and the receipt names it. */
  readonly seed?: number;
  readonly stop: readonly string[];
}

/** A request in any dialect, decoded: what the model is to do and how the caller wants it told. */
export interface Job {
  readonly endpoint: Endpoint;
  /** As the caller wrote it; not yet looked up. */
  readonly model: string;
  readonly stream: boolean;
  readonly messages: readonly Message[];
  readonly sampling: Sampling;
  /** Bounds the generation and the hold, in tokens. */
  readonly maxTokens: number;
  readonly includeReasoning: boolean;
  /** Whether a stream's last chunk carries usage. */
  readonly includeUsage: boolean;
  /** Machines that the caller insists on; empty means any. */
  readonly pins: readonly Serial[];
}
