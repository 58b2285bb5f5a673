/** What the benchmark and the processes that it measures say to each other over their IPC channel. */

/** What a process used since it began, and holds now. */
export interface Usage {
  /** User and system time together. */
  readonly cpuMicros: number;
  readonly residentBytes: number;
  /** Of the heap and of buffers outside of it; after a collection, what is really held. */
  readonly heldBytes: number;
}

/** What a process says when it can be measured. */
export interface Ready {
  readonly port: number;
  readonly apiKey: string;
}

/** `collect`: the usage after a garbage collection. */
export type Question = "usage" | "collect" | "stop";
const questions: readonly unknown[] = ["usage", "collect", "stop"] satisfies Question[];
export const isQuestion = (message: unknown): message is Question => questions.includes(message);

/** Both ends are one program, so a message of another shape is a fault in it. */
export function readReady(message: unknown): Ready {
  const port: unknown = fieldOf(message, "port");
  const apiKey: unknown = fieldOf(message, "apiKey");
  if (typeof port === "number" && typeof apiKey === "string") return { port, apiKey };
  throw new TypeError("a process said something else than that it is ready");
}

export function readUsage(message: unknown): Usage {
  const cpuMicros: unknown = fieldOf(message, "cpuMicros");
  const residentBytes: unknown = fieldOf(message, "residentBytes");
  const heldBytes: unknown = fieldOf(message, "heldBytes");
  if (typeof cpuMicros === "number" && typeof residentBytes === "number" && typeof heldBytes === "number")
    return { cpuMicros, residentBytes, heldBytes };
  throw new TypeError("a process said something else than its usage");
}

const fieldOf = (message: unknown, field: string): unknown =>
  typeof message === "object" && message !== null ? Reflect.get(message, field) : undefined;
