import { expect } from "vitest";
import * as z from "zod";
import type { BusyNetwork, Refusing } from "./busy-network.ts";

export const features = [
  "create",
  "stream",
  "tools",
  "structured output",
  "abort",
  "errors",
  "retry",
  "usage",
  "reasoning",
  "models",
] as const;
export type Feature = (typeof features)[number];

/** Where a client finds a network. */
export interface At {
  /** Without `/v1`. */
  readonly url: string;
  readonly apiKey: string;
  /** In place of the platform's. */
  readonly fetch?: typeof fetch;
}

/** The running program. */
export interface World extends At {
  readonly busy: BusyNetwork;
  /** Of a client that does not ask by itself: what it asks through, at each place. */
  readonly through?: (at: At) => typeof fetch;
  /** Resolves once the latest request is accounted for as one whose caller went away. */
  callerGone(): Promise<void>;
}

/** What an SDK's constructor takes of it. */
export const askingBy = ({ fetch }: At): Pick<At, "fetch"> => (fetch ? { fetch } : {});

/** One client, and what it is shown to do. A feature that is left out is none of its own. */
export interface Client {
  readonly name: string;
  readonly runs: Partial<Readonly<Record<Feature, (world: World) => Promise<void>>>>;
  /** Why it cannot run here. */
  readonly missing?: string;
}

export const model = "darkbloom-tiny";
export const question = "What is rain?";
export const answered = /^Rain is water that falls/;
export const longQuestion = "Count from 1 to 100.";
/** What makes this model think, and how its thoughts begin. */
export const thinkingSystem = "Think step by step.";
export const thought = /The user asks/;

export const weatherQuestion = "What is the weather in Paris?";
export const weatherTool = { name: "get_weather", description: "Get the weather for a city" } as const;
export const weatherInput = z.object({ city: z.string() });
export const weatherSchema = {
  type: "object" as const,
  properties: { city: { type: "string" as const, description: "The city" } },
  required: ["city"],
  additionalProperties: false,
};
/** The shape of a structured answer: closed words, so that a tiny model fills it. */
export const reportShape = z.object({ weather: z.enum(["rain", "sun"]), warm: z.boolean() });

/**
 * Goal: a client that is told to come later waits for as long as it is told, and its caller sees no error.
 * Method: an account that has sent all that it may; or a network whose one machine comes after the first
 * refusal.
 */
export async function retries(
  { busy, through }: World,
  status: 429 | 503,
  ask: (at: At, maxRetries: number) => PromiseLike<unknown>,
): Promise<void> {
  // A machine that is slower than the account's second has nothing to wait for: again.
  for (let round = 0; ; round++) {
    const refusing = await (status === 429 ? busy.full() : busy.deserted());
    const at = through ? seenThrough(refusing, through(refusing)) : refusing;
    const startMs = performance.now();
    await ask(at, status === 429 ? 1 : 10);
    if (at.statuses[0] === 200 && round < 10) continue;
    expect([at.statuses[0], at.statuses.at(-1)]).toEqual([status, 200]);
    expect(performance.now() - startMs).toBeGreaterThan(990);
    return;
  }
}

/** With the statuses that the client itself was given. */
function seenThrough(at: At, ask: typeof fetch): Refusing {
  const statuses: number[] = [];
  const counted: typeof fetch = async (...request) => {
    const response = await ask(...request);
    statuses.push(response.status);
    return response;
  };
  return { ...at, fetch: counted, statuses };
}

/** What a call threw. */
export async function thrown(call: PromiseLike<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (cause) {
    return cause;
  }
  throw new Error("it was not refused");
}
