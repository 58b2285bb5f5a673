import { THREADS_DEFAULT } from "@darkbloom/provider/engine/llama/model-file";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Failures } from "./callers.ts";
import { askInSilence, contenderNames, questionOf } from "./client.ts";
import type { Spread } from "./figures.ts";
import { fullLedgerPlan, measureLedger, quickLedgerPlan, tinyLedgerPlan, type LedgerPlan } from "./ledger.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { microBenchmarks } from "./micro.ts";
import {
  fullPlan,
  quickPlan,
  SILENT_CALLER_MB_MAX,
  SILENT_CALLERS,
  SILENT_PIECES,
  tinyPlan,
  workloads,
  type Plan,
} from "./plan.ts";
import { measures, measureWorkload, type Contenders, type Measure, type WorkloadResult } from "./rounds.ts";

const usage = `Measures Darkbloom beside a bare node:http server and a bare reverse proxy, in one run on loopback.

  npm run bench              about a minute
  npm run bench -- --quick   about fifteen seconds
  npm run bench -- --json    one JSON object instead of tables
  npm run bench -- --profile DIR   CPU profiles of every process
  npm run bench -- --engine [--threads N]   the model's engine beside the bare library, with its targets: up to three
                             minutes; the bundled model, and SmolLM2 where DARKBLOOM_TEST_SMOLLM2 names its file
  npm run bench -- --ledger  what the money of one answer takes, alone and in groups, and finding a key: half a minute

Rounds alternate between the contenders, so that what else the machine does hits all alike. Quote the
ratios, not the figures. Exit code 1 if any answer was not whole.
`;

interface Memory {
  readonly before: number;
  readonly plateau: number;
  readonly after: number;
}

async function bench(plan: Plan, profileFolder: string | undefined, tell: (text: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), "darkbloom-bench-"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const start = async (name: string, ...given: string[]) =>
    cleanup.use(await MeasuredProcess.start({ name, arguments: given, folder, profileFolder }));
  const bare = await start("bare-server");
  const proxy = await start("bare-proxy", String(bare.ready.port));
  const coordinator = await start("coordinator", join(folder, "coordinator"));
  const provider = await start("provider", String(coordinator.ready.port), join(folder, "provider"));
  const contenders: Contenders = {
    bare: { target: { name: "bare", ...bare.ready, signs: false }, processes: [bare] },
    proxy: { target: { name: "proxy", ...proxy.ready, signs: false }, processes: [proxy, bare] },
    darkbloom: { target: { name: "darkbloom", ...coordinator.ready, signs: true }, processes: [coordinator, provider] },
  };

  const failures = new Failures();
  const memory: Record<string, Memory> = {};
  const ours = [coordinator, provider];
  for (const one of ours) {
    const before = (await one.collect()).residentBytes;
    memory[one.name] = { before, plateau: before, after: before };
  }
  const lookAtMemory = async () => {
    for (const one of ours) {
      const known = memory[one.name];
      const { residentBytes } = await one.usage();
      if (known) memory[one.name] = { ...known, plateau: Math.max(known.plateau, residentBytes) };
    }
  };
  const results: Partial<Record<keyof typeof workloads, WorkloadResult>> = {};
  for (const workload of Object.values(workloads)) {
    tell(`measuring ${workload.name} …\n`);
    results[workload.name] = await measureWorkload(contenders, workload, plan, failures, lookAtMemory);
  }
  tell("measuring callers who read nothing …\n");
  const silentMb = await silentCallers(contenders, plan, ours);
  await new Promise((resolve) => setTimeout(resolve, plan.quietMs));
  for (const one of ours) {
    const known = memory[one.name];
    if (known) memory[one.name] = { ...known, after: (await one.collect()).residentBytes };
  }
  tell("measuring single steps …\n");
  return { results, memory, silentMb, micros: microBenchmarks(plan.microMs), failures };
}

/** What callers who read nothing cost each process, in MB a caller: their answers are far longer than any buffer on the way. */
async function silentCallers(
  { darkbloom }: Contenders,
  plan: Plan,
  processes: readonly MeasuredProcess[],
): Promise<Record<string, number>> {
  using agent = new DisposableAgent();
  // Resident memory would count garbage and room that the heap has kept; a bound is for what is held.
  const heldBytes = () => Promise.all(processes.map(async (one) => (await one.collect()).heldBytes));
  const before = await heldBytes();
  const question = await questionOf({ pieces: SILENT_PIECES, stream: true });
  const requests = Array.from({ length: SILENT_CALLERS }, () => askInSilence(darkbloom.target, agent.agent, question));
  await new Promise((resolve) => setTimeout(resolve, plan.silentMs));
  const during = await heldBytes();
  for (const request of requests) request.on("error", () => undefined).destroy();
  return Object.fromEntries(
    processes.map(({ name }, at) => [name, ((during[at] ?? 0) - (before[at] ?? 0)) / 1e6 / SILENT_CALLERS]),
  );
}

class DisposableAgent implements Disposable {
  readonly agent = new Agent();
  [Symbol.dispose](): void {
    this.agent.destroy();
  }
}

const number = (value: number): string =>
  value >= 1000 ? Math.round(value).toString() : value >= 10 ? value.toFixed(1) : value.toFixed(2);
const told = ({ median, min, max }: Spread): string => `${number(median)} (${number(min)}–${number(max)})`;

/** The measures that say something about each workload. */
const interesting: Record<keyof typeof workloads, readonly Measure[]> = {
  plain1: ["answersPerSec", "totalP50Ms", "totalP99Ms", "cpuMicrosPerAnswer"],
  plain64: ["answersPerSec", "totalP50Ms", "totalP99Ms", "cpuMicrosPerAnswer"],
  stream1: ["firstP50Ms", "firstP99Ms"],
  stream64: ["answersPerSec", "firstP50Ms", "firstP99Ms"],
  long1: ["chunksPerSec", "cpuMicrosPerChunk"],
  long8: ["chunksPerSec", "cpuMicrosPerChunk"],
};

function tables({ results, memory, silentMb, micros, failures }: Awaited<ReturnType<typeof bench>>): string {
  const lines = ["", "median (min–max) of the rounds; ×: darkbloom's median over that contender's", ""];
  for (const { name, connections, pieces, stream } of Object.values(workloads)) {
    const result = results[name];
    if (!result) continue;
    lines.push(`${stream ? "stream" : "plain"}, ${connections} connections, ${pieces} pieces`);
    for (const measure of interesting[name]) {
      const row = contenderNames.map((contender) => `${contender} ${told(result.rounds[contender][measure])}`);
      const us = result.rounds.darkbloom[measure].median;
      const ratio = (["bare", "proxy"] as const).map(
        (other) => `×${number(us / result.rounds[other][measure].median)} ${other}`,
      );
      lines.push(`  ${measures[measure].padEnd(22)} ${row.join("   ")}   ${ratio.join(" ")}`);
    }
    if (stream && pieces < 100) {
      const { firstP50Ms, firstP99Ms } = result.added.darkbloom;
      lines.push(`  added first content, ms  p50 ${told(firstP50Ms)}   p99 ${told(firstP99Ms)}`);
    }
  }
  lines.push("", "resident memory, MB");
  for (const [name, { before, plateau, after }] of Object.entries(memory))
    lines.push(
      `  ${name.padEnd(12)} before ${number(before / 1e6)}   plateau ${number(plateau / 1e6)}   after ${number(after / 1e6)}`,
    );
  lines.push(
    "",
    `${SILENT_CALLERS} callers who read nothing of ${SILENT_PIECES} pieces each, MB a caller (${SILENT_CALLER_MB_MAX} at most)`,
  );
  for (const [name, mb] of Object.entries(silentMb)) lines.push(`  ${name.padEnd(12)} ${number(mb)}`);
  lines.push("", "single steps, µs");
  for (const [name, spread] of Object.entries(micros)) lines.push(`  ${name.padEnd(38)} ${told(spread)}`);
  if (failures.total > 0) lines.push("", `FAILED: ${JSON.stringify(failures)}`);
  return `${lines.join("\n")}\n`;
}

/** The engine under real use, model after model; what one that is not here would show is left out by name. */
async function benchEngine(kind: "full" | "quick" | "tiny", threads: number, tell: (text: string) => void) {
  // Loaded here, so that no other benchmark has native code in its process.
  const engines = await import("./engine/bench.ts");
  const { linesOf } = await import("./engine/report.ts");
  const plan = { full: engines.fullEnginePlan, quick: engines.quickEnginePlan, tiny: engines.tinyEnginePlan }[kind];
  const figures: Record<string, Awaited<ReturnType<typeof engines.measureEngine>>> = {};
  const lines = [`${threads} thread${threads === 1 ? "" : "s"}; CPU: of all threads of the process`];
  for (const [name, path] of Object.entries(engines.enginesHere())) {
    if (path === undefined) {
      lines.push("", `${name}: not measured, for ${engines.SECOND_MODEL} names no file`);
      continue;
    }
    const measured = await engines.measureEngine(path, threads, plan, name === "bundled", (what) =>
      tell(`${name} ${what} …\n`),
    );
    figures[name] = measured;
    lines.push("", name);
    for (const line of linesOf(measured)) lines.push(`  ${line}`);
  }
  return { figures, text: `${lines.join("\n")}\n` };
}

/** The ledger and the look-up of keys alone, on a disk. */
async function benchLedger(plan: LedgerPlan) {
  const figures = await measureLedger(plan);
  const lines = ["one answer's hold, settlement and receipt; one key that is looked up", "µs, median (min–max)"];
  for (const [name, { cpuMicros, clockMicros }] of Object.entries(figures))
    lines.push(`  ${name.padEnd(34)} CPU ${told(cpuMicros)}   on the clock ${told(clockMicros)}`);
  return { figures, text: `${lines.join("\n")}\n` };
}

const { values } = parseArgs({
  options: {
    engine: { type: "boolean" },
    ledger: { type: "boolean" },
    threads: { type: "string" },
    quick: { type: "boolean" },
    tiny: { type: "boolean" },
    json: { type: "boolean" },
    help: { type: "boolean" },
    profile: { type: "string" },
  },
});
if (values.help) process.stdout.write(usage);
else if (values.engine) {
  const kind = values.tiny ? "tiny" : values.quick ? "quick" : "full";
  const threads = Number(values.threads ?? THREADS_DEFAULT);
  if (!Number.isInteger(threads) || threads < 1) throw new RangeError("--threads takes a whole number from 1 on");
  const measured = await benchEngine(kind, threads, (text) => void process.stderr.write(text));
  process.stdout.write(values.json ? `${JSON.stringify(measured.figures)}\n` : measured.text);
} else if (values.ledger) {
  const plan = values.tiny ? tinyLedgerPlan : values.quick ? quickLedgerPlan : fullLedgerPlan;
  const measured = await benchLedger(plan);
  process.stdout.write(values.json ? `${JSON.stringify(measured.figures)}\n` : measured.text);
} else {
  const plan = values.tiny ? tinyPlan : values.quick ? quickPlan : fullPlan;
  const measured = await bench(plan, values.profile, (text) => void process.stderr.write(text));
  process.stdout.write(values.json ? `${JSON.stringify(measured)}\n` : tables(measured));
  const bounded = Object.values(measured.silentMb).every((mb) => mb <= SILENT_CALLER_MB_MAX);
  process.exitCode = measured.failures.total > 0 || !bounded ? 1 : 0;
}
