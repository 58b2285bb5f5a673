import type { EmbedInput } from "@darkbloom/protocol/dialects";
import { deserialize, serialize } from "node:v8";
import type { Generation, Prompt, PromptJob } from "../../inference/engine.ts";
import type { LlamaOptions } from "../llama/llama-open.ts";

/**
 * What the provider's process says to the engine's: frames of a length (u32) and a list of these, in V8's own
 * serialization. Only this direction is read so, since what is written is ours.
 */
export type Order =
  | { readonly kind: "load"; readonly options: LlamaOptions; readonly beatEveryMs: number }
  | { readonly kind: "prompt"; readonly id: number; readonly job: PromptJob }
  | {
      readonly kind: "run";
      readonly id: number;
      readonly prompt: Prompt;
      readonly generation: Generation;
      readonly cacheScope: string | undefined;
      /** Tokens that may be written before the reader gives more. */
      readonly ahead: number;
    }
  | { readonly kind: "fit" | "embed"; readonly id: number; readonly inputs: readonly EmbedInput[] }
  /** So many more tokens may be written. */
  | { readonly kind: "more"; readonly id: number; readonly tokens: number }
  | { readonly kind: "stop"; readonly id: number };

/** The descriptor of the line in the engine's process. */
export const LINE_FD = 3;

/** What a template needs of a job. The rest of a request stays where it was opened. */
export const promptJobOf = ({
  messages,
  tools,
  toolChoice,
  thinks,
  thinksOrRefuses,
  continues,
  settings,
  text,
}: PromptJob): PromptJob => ({
  messages,
  tools,
  toolChoice,
  ...(thinks !== undefined && { thinks }),
  ...(thinksOrRefuses && { thinksOrRefuses }),
  ...(continues !== undefined && { continues }),
  ...(settings !== undefined && { settings }),
  ...(text !== undefined && { text }),
});

/** A prompt's own frame would be as long as its tokens written out; as an array of 32 bits they take a copy and no more. */
export function orderFrame(orders: readonly Order[]): Buffer {
  const body = serialize(orders.map(packed));
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeUInt32LE(body.length, 0);
  body.copy(frame, 4);
  return frame;
}

export function readOrders(frame: Buffer): Order[] {
  const orders = deserialize(frame) as Order[];
  return orders.map((order) =>
    order.kind === "run" ? { ...order, prompt: { ...order.prompt, tokens: Array.from(order.prompt.tokens) } } : order,
  );
}

const packed = (order: Order): unknown =>
  order.kind === "run"
    ? { ...order, prompt: { ...order.prompt, tokens: Uint32Array.from(order.prompt.tokens) } }
    : order;
