import { Callers, type Failures, type Served } from "./callers.ts";
import type { Usage } from "./channel.ts";
import { contenderNames, type ByContender, type ContenderName, type Earlier, type Target } from "./client.ts";
import { quantile, spreadOf, type Spread } from "./figures.ts";
import type { MeasuredProcess } from "./measured-process.ts";
import type { Plan, Workload } from "./plan.ts";

/** A way to the scripted engine, and the processes that stand on it. */
export interface Contender {
  readonly target: Target;
  readonly processes: readonly MeasuredProcess[];
}
export type Contenders = ByContender<Contender>;

/** Everybody who is measured, in the order of each round. */
export const measuredOf = (contenders: Contenders): readonly (readonly [ContenderName | Earlier, Contender])[] => [
  ...contenderNames.map((name) => [name, contenders[name]] as const),
  ...(contenders.earlier ? [["earlier", contenders.earlier] as const] : []),
];

/** What is read off one round. Rates are per second; an answer of a long stream has many chunks. */
export const measures = {
  answersPerSec: "answers/s",
  chunksPerSec: "chunks/s",
  totalP50Ms: "latency p50, ms",
  totalP99Ms: "latency p99, ms",
  firstP50Ms: "first content p50, ms",
  firstP99Ms: "first content p99, ms",
  cpuMicrosPerAnswer: "CPU µs per answer",
  cpuMicrosPerChunk: "CPU µs per chunk",
} as const;
export type Measure = keyof typeof measures;
type Round = Readonly<Record<Measure, number>> & {
  readonly cpuMicrosByProcess: Readonly<Record<string, number>>;
  readonly mainThreadMicrosByProcess: Readonly<Record<string, number>>;
};

export interface WorkloadResult {
  readonly rounds: ByContender<Readonly<Record<Measure, Spread>>>;
  /** Each contender's share of one answer's time on a processor, by process. */
  readonly cpuMicrosPerAnswer: ByContender<Readonly<Record<string, Spread>>>;
  /** Of that, what its main thread took. */
  readonly mainThreadMicrosPerAnswer: ByContender<Readonly<Record<string, Spread>>>;
  /** What comes on top of the bare server, round by round. */
  readonly added: ByContender<{ readonly firstP50Ms: Spread; readonly firstP99Ms: Spread }>;
}

/**
 * One workload, on each contender in turn, round after round: A B C A B C …, so that what else the
 * machine does hits all alike.
 *
 * @param afterRound told after each round, so that memory can be read while it is at its height
 */
export async function measureWorkload(
  contenders: Contenders,
  workload: Workload,
  plan: Plan,
  failures: Failures,
  afterRound: () => Promise<void>,
): Promise<WorkloadResult> {
  const rounds: Record<ContenderName | Earlier, Round[]> = { bare: [], proxy: [], darkbloom: [], earlier: [] };
  for (let round = 0; round <= plan.rounds; round++)
    for (const [name, { target, processes }] of measuredOf(contenders)) {
      using callers = new Callers(target, workload, failures);
      // Opens the connections, so that no round pays for them; the first time for long enough for the compiler too.
      if (round === 0) {
        await callers.warmUp(plan);
        continue;
      }
      await callers.ask(0);
      const before = await cpuOf(processes);
      const served = await callers.ask(plan.roundMs);
      const after = await cpuOf(processes);
      if (served.timings.length > 0) rounds[name].push(roundOf(workload, processes, served, before, after));
      await afterRound();
    }
  return resultOf(contenders, rounds);
}

export const cpuOf = (processes: readonly MeasuredProcess[]): Promise<Usage[]> =>
  Promise.all(processes.map((process) => process.usage()));

function roundOf(
  { pieces }: Workload,
  processes: readonly MeasuredProcess[],
  { timings, elapsedMs }: Served,
  before: readonly Usage[],
  after: readonly Usage[],
): Round {
  const answers = timings.length;
  const chunks = answers * pieces;
  const totals = timings.map(({ totalMs }) => totalMs);
  const firsts = timings.map(({ firstContentMs }) => firstContentMs);
  const usedBy = (part: "cpuMicros" | "mainThreadMicros") =>
    processes.map(({ name }, at) => [name, (after[at]?.[part] ?? 0) - (before[at]?.[part] ?? 0)] as const);
  const perAnswer = (part: "cpuMicros" | "mainThreadMicros") =>
    Object.fromEntries(usedBy(part).map(([name, micros]) => [name, micros / answers]));
  const cpuMicros = usedBy("cpuMicros").reduce((sum, [, micros]) => sum + micros, 0);
  return {
    answersPerSec: (answers / elapsedMs) * 1000,
    chunksPerSec: (chunks / elapsedMs) * 1000,
    totalP50Ms: quantile(totals, 0.5),
    totalP99Ms: quantile(totals, 0.99),
    firstP50Ms: quantile(firsts, 0.5),
    firstP99Ms: quantile(firsts, 0.99),
    cpuMicrosPerAnswer: cpuMicros / answers,
    cpuMicrosPerChunk: cpuMicros / chunks,
    cpuMicrosByProcess: perAnswer("cpuMicros"),
    mainThreadMicrosByProcess: perAnswer("mainThreadMicros"),
  };
}

function resultOf(
  contenders: Contenders,
  rounds: Readonly<Record<ContenderName | Earlier, readonly Round[]>>,
): WorkloadResult {
  const perContender = <Value>(value: (name: ContenderName | Earlier) => Value): ByContender<Value> => ({
    bare: value("bare"),
    proxy: value("proxy"),
    darkbloom: value("darkbloom"),
    ...(contenders.earlier && { earlier: value("earlier") }),
  });
  const over = (name: ContenderName | Earlier, measure: Measure) =>
    spreadOf(rounds[name].map((round) => round[measure]));
  const perProcess = (part: "cpuMicrosByProcess" | "mainThreadMicrosByProcess") =>
    perContender((name) =>
      Object.fromEntries(
        (contenders[name]?.processes ?? []).map((process) => [
          process.name,
          spreadOf(rounds[name].map((round) => round[part][process.name] ?? 0)),
        ]),
      ),
    );
  const added = (name: ContenderName | Earlier, measure: Measure) =>
    spreadOf(rounds[name].map((round, at) => round[measure] - (rounds.bare[at]?.[measure] ?? Number.NaN)));
  return {
    rounds: perContender((name) => ({
      answersPerSec: over(name, "answersPerSec"),
      chunksPerSec: over(name, "chunksPerSec"),
      totalP50Ms: over(name, "totalP50Ms"),
      totalP99Ms: over(name, "totalP99Ms"),
      firstP50Ms: over(name, "firstP50Ms"),
      firstP99Ms: over(name, "firstP99Ms"),
      cpuMicrosPerAnswer: over(name, "cpuMicrosPerAnswer"),
      cpuMicrosPerChunk: over(name, "cpuMicrosPerChunk"),
    })),
    cpuMicrosPerAnswer: perProcess("cpuMicrosByProcess"),
    mainThreadMicrosPerAnswer: perProcess("mainThreadMicrosByProcess"),
    added: perContender((name) => ({ firstP50Ms: added(name, "firstP50Ms"), firstP99Ms: added(name, "firstP99Ms") })),
  };
}
