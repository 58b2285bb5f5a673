import type { Measured as All } from "./tables.ts";

type Measured = Pick<All, "results" | "paced" | "memory">;

/** What the request path is to come to, beside what it was in 0.1.0. */
interface Target {
  readonly what: string;
  /** At most so much, or at least. */
  readonly most?: number;
  readonly least?: number;
  /** In 0.1.0, on two shared cores. */
  readonly was: string;
  /** Undefined where this run did not measure it. */
  readonly found: (measured: Measured, of: Whose) => number | undefined;
}

/** Ours, or the other checkout's. */
type Whose = "darkbloom" | "earlier";

type Workload = keyof Measured["results"];

const cpu =
  (workload: Workload, process: "coordinator" | "provider") =>
  ({ results }: Measured, of: Whose) =>
    results[workload]?.cpuMicrosPerAnswer[of]?.[process]?.median;

const mainThread =
  (workload: Workload) =>
  ({ results }: Measured, of: Whose) =>
    results[workload]?.mainThreadMicrosPerAnswer[of]?.["coordinator"]?.median;

const added =
  (workload: Workload, measure: "firstP50Ms" | "firstP99Ms") =>
  ({ results }: Measured, of: Whose) =>
    results[workload]?.added[of]?.[measure].median;

const overProxy =
  (workload: Workload, measure: "answersPerSec" | "chunksPerSec") =>
  ({ results }: Measured, of: Whose) => {
    const rounds = results[workload]?.rounds;
    const own = rounds?.[of];
    return own && own[measure].median / rounds.proxy[measure].median;
  };

const memoryOf = { darkbloom: "coordinator", earlier: "earlier coordinator" } as const satisfies Record<Whose, string>;
const inMb = (bytes: number | undefined): number | undefined => bytes && bytes / 1e6;

const targets: readonly Target[] = [
  {
    what: "coordinator, CPU µs a plain answer, 64 callers",
    most: 350,
    was: "708",
    found: cpu("plain64", "coordinator"),
  },
  {
    what: "coordinator, CPU µs a streamed answer, 64 callers",
    most: 400,
    was: "838",
    found: cpu("stream64", "coordinator"),
  },
  { what: "provider, CPU µs a plain answer, 64 callers", most: 200, was: "321", found: cpu("plain64", "provider") },
  { what: "provider, CPU µs a streamed answer, 64 callers", most: 220, was: "399", found: cpu("stream64", "provider") },
  { what: "coordinator's main thread, µs a plain answer", most: 230, was: "~600", found: mainThread("plain64") },
  { what: "coordinator's main thread, µs a streamed answer", most: 260, was: "~700", found: mainThread("stream64") },
  {
    what: "both, CPU µs a chunk of 2,000, 8 callers",
    most: 6,
    was: "36–42",
    found: ({ results }, of) => results.long8?.rounds[of]?.cpuMicrosPerChunk.median,
  },
  {
    what: "paced streams held, 64 deltas 20 ms apart",
    least: 512,
    was: "128",
    found: ({ paced }, of) => paced[of]?.held,
  },
  { what: "added first content p50, 1 caller, ms", most: 0.45, was: "0.89", found: added("stream1", "firstP50Ms") },
  { what: "added first content p99, 1 caller, ms", most: 1.4, was: "3.85", found: added("stream1", "firstP99Ms") },
  { what: "added first content p50, 64 callers, ms", most: 12, was: "28", found: added("stream64", "firstP50Ms") },
  { what: "added first content p99, 64 callers, ms", most: 25, was: "50", found: added("stream64", "firstP99Ms") },
  {
    what: "plain answers/s over a proxy's, 64 callers",
    least: 0.2,
    was: "0.08",
    found: overProxy("plain64", "answersPerSec"),
  },
  {
    what: "streams/s over a proxy's, 64 callers",
    least: 0.22,
    was: "0.07–0.11",
    found: overProxy("stream64", "answersPerSec"),
  },
  { what: "chunks/s over a proxy's, 8 callers", least: 0.25, was: "0.03", found: overProxy("long8", "chunksPerSec") },
  {
    what: "coordinator's resident memory, idle, MB",
    most: 100,
    was: "110",
    found: ({ memory }, of) => inMb(memory[memoryOf[of]]?.before),
  },
  {
    what: "coordinator's resident memory, under all this, MB",
    most: 160,
    was: "281",
    found: ({ memory }, of) => inMb(memory[memoryOf[of]]?.plateau),
  },
];

/** A line for each target, and whether it is met. */
export function targetLines(measured: Measured): string {
  const lines = targets.map(({ what, most, least, was, found }) => {
    const value = found(measured, "darkbloom");
    const beside = found(measured, "earlier");
    const bound = most === undefined ? `≥ ${least}` : `≤ ${most}`;
    if (value === undefined) return `  ${what.padEnd(50)} not measured, ${bound}`;
    const isMet = most === undefined ? value >= (least ?? 0) : value <= most;
    const other = beside === undefined || Number.isNaN(beside) ? `0.1.0: ${was}` : `beside: ${told(beside)}`;
    return `  ${what.padEnd(50)} ${told(value).padStart(6)}   ${bound.padEnd(7)} ${isMet ? "met" : "MISSED"}   (${other})`;
  });
  return `targets\n${lines.join("\n")}\n`;
}

const told = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(2));
