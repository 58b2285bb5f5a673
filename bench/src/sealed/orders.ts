import type { Asked } from "../answers.ts";

/** What the benchmark and the process that asks through the client library say to each other. */

export const modes = ["transparent", "sealed"] as const;
export type Mode = (typeof modes)[number];

export interface Order {
  readonly mode: Mode;
  readonly asked: Asked;
  readonly callers: number;
  readonly forMs: number;
  /** One exchange, whose bytes are counted, in place of many that are timed. */
  readonly counted: boolean;
}

/** Header lines and bodies; without HTTP's request line, status line and chunks. */
export interface WireBytes {
  readonly asked: number;
  readonly answered: number;
}

export interface Taken {
  readonly timings: readonly { readonly firstMs: number; readonly totalMs: number }[];
  /** By reason; of answers that do not count. */
  readonly failures: Readonly<Record<string, number>>;
  readonly bytes: WireBytes | undefined;
}

/** Both ends are one program, so a message of another shape is a fault in it. */
export const isOrder = (message: unknown): message is Order =>
  typeof message === "object" && message !== null && "mode" in message && "asked" in message;

export function readTaken(message: unknown): Taken {
  if (typeof message === "object" && message !== null && "timings" in message && "failures" in message)
    return message as Taken;
  throw new TypeError("a process said something else than what it was answered");
}
