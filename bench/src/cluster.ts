import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NatsServer } from "../../apps/coordinator/test/nats.ts";
import { Callers, Failures } from "./callers.ts";
import { quantile, spreadOf, type Spread } from "./figures.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { workloads, type Plan } from "./plan.ts";
import { cpuOf } from "./rounds.ts";

/** Of all processes together: the callers' coordinator, the machine's, the machine, and the bus. */
const CPU_RATIO_MAX = 1.6;
const ADDED_FIRST_MS_MAX = 1.5;
/** What Linux counts a process's time in. */
const TICK_MICROS = 10_000;

/** Alone for what a way further takes, several at once for what it costs. */
const asked = ["stream1", "plain64", "stream64", "long8"] as const;
const sides = ["near", "far"] as const;
type Side = (typeof sides)[number];

interface Round {
  readonly firstMs: number;
  readonly cpuMicrosPerAnswer: number;
}

export interface ClusterResult {
  readonly firstMs: Readonly<Record<Side, Spread>>;
  readonly addedFirstMs: Spread;
  readonly cpuMicrosPerAnswer: Readonly<Record<Side, Spread>>;
  readonly cpuMicrosPerChunk: Readonly<Record<Side, Spread>>;
  readonly cpuRatio: Spread;
}
export interface MeasuredCluster {
  readonly results: Readonly<Partial<Record<(typeof asked)[number], ClusterResult>>>;
  readonly failures: Failures;
}

/** A machine at the coordinator that is asked, beside one that another coordinator hosts, over a real NATS server; in the same rounds. */
export async function measureCluster(plan: Plan, tell: (text: string) => void): Promise<MeasuredCluster> {
  const folder = mkdtempSync(join(tmpdir(), "darkbloom-bench-"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const nats = cleanup.use(await NatsServer.start());
  const start = async (name: "coordinator" | "provider", as: string, ...given: string[]) =>
    cleanup.use(await MeasuredProcess.start({ name, as, arguments: given, folder }));
  const coordinator = (as: string, ...more: string[]) => start("coordinator", as, join(folder, as), ...more);
  const provider = (as: string, { ready }: MeasuredProcess) =>
    start("provider", as, String(ready.port), join(folder, as));
  const [alone, home, edge] = await Promise.all([
    coordinator("alone"),
    coordinator("home", nats.urlOf()),
    coordinator("edge", nats.urlOf()),
  ]);
  const [near, far] = await Promise.all([provider("near", alone), provider("far", home)]);
  await heardOf(edge);

  const failures = new Failures();
  const contenders = {
    near: { target: { name: "darkbloom", ...alone.ready, signs: true }, processes: [alone, near] },
    far: { target: { name: "darkbloom", ...edge.ready, signs: true }, processes: [edge, home, far] },
  } as const;
  const results: Partial<Record<(typeof asked)[number], ClusterResult>> = {};
  for (const name of asked) {
    tell(`measuring ${name} …\n`);
    const rounds: Record<Side, Round[]> = { near: [], far: [] };
    for (let round = 0; round <= plan.rounds; round++)
      for (const side of sides) {
        const { target, processes } = contenders[side];
        using callers = new Callers(target, workloads[name], failures);
        if (round === 0) {
          await callers.warmUp(plan);
          continue;
        }
        await callers.ask(0);
        const busMicros = side === "far" ? cpuMicrosOf(nats.pid) : 0;
        const before = await cpuOf(processes);
        const { timings } = await callers.ask(plan.roundMs);
        const after = await cpuOf(processes);
        const cpuMicros =
          after.reduce((sum, { cpuMicros: of }, at) => sum + of - (before[at]?.cpuMicros ?? 0), 0) +
          (side === "far" ? cpuMicrosOf(nats.pid) - busMicros : 0);
        if (timings.length === 0) continue;
        const firsts = timings.map(({ firstContentMs }) => firstContentMs);
        rounds[side].push({ firstMs: quantile(firsts, 0.5), cpuMicrosPerAnswer: cpuMicros / timings.length });
      }
    results[name] = resultOf(rounds, workloads[name].pieces);
  }
  return { results, failures };
}

function resultOf({ near, far }: Readonly<Record<Side, readonly Round[]>>, pieces: number): ClusterResult {
  const of = (value: (round: Round) => number) => ({ near: spreadOf(near.map(value)), far: spreadOf(far.map(value)) });
  const beside = (value: (one: Round, other: Round) => number) =>
    spreadOf(far.flatMap((one, at) => (near[at] ? [value(one, near[at])] : [])));
  return {
    firstMs: of(({ firstMs }) => firstMs),
    addedFirstMs: beside((one, other) => one.firstMs - other.firstMs),
    cpuMicrosPerAnswer: of(({ cpuMicrosPerAnswer }) => cpuMicrosPerAnswer),
    cpuMicrosPerChunk: of(({ cpuMicrosPerAnswer }) => cpuMicrosPerAnswer / pieces),
    cpuRatio: beside((one, other) => one.cpuMicrosPerAnswer / other.cpuMicrosPerAnswer),
  };
}

/** @throws Error where it has heard of no machine after ten seconds */
async function heardOf({ ready: { port } }: MeasuredProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const response = await fetch(`http://127.0.0.1:${port}/health`);
    const { providers } = (await response.json()) as { providers: number };
    if (providers > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the edge hears of no machine");
}

/** Of a process that is none of ours, where Linux tells; 0 elsewhere. */
function cpuMicrosOf(pid: number): number {
  try {
    // What follows the name, which may hold anything: utime and stime are the 14th and 15th field (proc(5)).
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
  } catch {
    return 0;
  }
}

export function linesOfCluster({ results, failures }: MeasuredCluster): string {
  const told = ({ median, min, max }: Spread, digits = 0) =>
    `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
  const lines = ["a machine of the coordinator that is asked, and one of another: median (min–max) of the rounds", ""];
  for (const [name, result] of Object.entries(results)) {
    lines.push(name);
    lines.push(
      `  CPU µs per answer   near ${told(result.cpuMicrosPerAnswer.near)}   far ${told(result.cpuMicrosPerAnswer.far)}`,
    );
    lines.push(
      `  CPU µs per chunk    near ${told(result.cpuMicrosPerChunk.near, 1)}   far ${told(result.cpuMicrosPerChunk.far, 1)}`,
    );
    lines.push(`  first content, ms   near ${told(result.firstMs.near, 2)}   far ${told(result.firstMs.far, 2)}`);
    lines.push(
      `  CPU of all processes, far beside near   ${told(result.cpuRatio, 2)}   target ${CPU_RATIO_MAX}: ${verdictOf(result.cpuRatio, CPU_RATIO_MAX)}`,
    );
    if (name === "stream1")
      lines.push(
        `  first content p50 added, ms   ${told(result.addedFirstMs, 2)}   target ${ADDED_FIRST_MS_MAX}: ${verdictOf(result.addedFirstMs, ADDED_FIRST_MS_MAX)}`,
      );
  }
  lines.push("", `failures ${JSON.stringify(failures)}`);
  return `${lines.join("\n")}\n`;
}

const verdictOf = ({ median }: Spread, most: number): string => (median <= most ? "met" : "missed");
