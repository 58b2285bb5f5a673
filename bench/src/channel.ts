/** What the benchmark and the processes that it measures say to each other over their IPC channel. */

/** What a process used since it began, and holds now. */
export interface Usage {
  /** User and system time together. */
  readonly cpuMicros: number;
  /** The share of the main thread alone, which bounds a process where there are cores enough for its other threads; NaN where an earlier version does not tell. */
  readonly mainThreadMicros: number;
  readonly residentBytes: number;
  /** Of the heap and of buffers outside of it; after a collection, what is really held. */
  readonly heldBytes: number;
  /** What it did since it began, by kind; of a process that counts. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Where a process keeps what it counts. */
export const COUNTS = Symbol.for("darkbloom.bench.counts");

/** What a process says when it can be measured. */
export interface Ready {
  readonly port: number;
  readonly apiKey: string;
}

/** `collect`: the usage after a garbage collection. `profile`: from here on; `profiled`: until here, which is answered with the profile. */
export type Question = "usage" | "collect" | "profile" | "profiled" | "stop";
const questions: readonly unknown[] = ["usage", "collect", "profile", "profiled", "stop"] satisfies Question[];
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
  const mainThreadMicros: unknown = fieldOf(message, "mainThreadMicros") ?? Number.NaN;
  const residentBytes: unknown = fieldOf(message, "residentBytes");
  const heldBytes: unknown = fieldOf(message, "heldBytes");
  if (
    typeof cpuMicros === "number" &&
    typeof mainThreadMicros === "number" &&
    typeof residentBytes === "number" &&
    typeof heldBytes === "number"
  )
    return { cpuMicros, mainThreadMicros, residentBytes, heldBytes, counts: countsIn(message) };
  throw new TypeError("a process said something else than its usage");
}

const countsIn = (message: unknown): Record<string, number> =>
  Object.fromEntries(Object.entries(fieldOf(message, "counts") ?? {}).map(([kind, count]) => [kind, Number(count)]));

/** Where the main thread was, sample by sample: a part of what V8's inspector tells. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    /** Whom it called. */
    readonly children?: readonly number[];
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
}

export function readProfile(message: unknown): CpuProfile {
  const profile: unknown = fieldOf(message, "profile");
  if (Array.isArray(fieldOf(profile, "nodes")) && Array.isArray(fieldOf(profile, "samples")))
    return profile as CpuProfile;
  throw new TypeError("a process said something else than its profile");
}

const fieldOf = (message: unknown, field: string): unknown =>
  typeof message === "object" && message !== null ? Reflect.get(message, field) : undefined;
