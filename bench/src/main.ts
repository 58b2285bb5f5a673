import { THREADS_DEFAULT } from "@darkbloom/provider/engine/llama/model-file";
import { parseArgs } from "node:util";
import { linesOfCluster, measureCluster } from "./cluster.ts";
import { fullLedgerPlan, measureLedger, quickLedgerPlan, tinyLedgerPlan, type LedgerPlan } from "./ledger.ts";
import { fullPlan, quickPlan, SILENT_CALLER_MB_MAX, tinyPlan } from "./plan.ts";
import { benchRelay } from "./relay.ts";
import { fullSealedPlan, measureSealed, quickSealedPlan, tinySealedPlan } from "./sealed/bench.ts";
import { linesOfSealed } from "./sealed/report.ts";
import { tables, told } from "./tables.ts";
import { targetLines } from "./targets.ts";

const usage = `Measures Darkbloom beside a bare node:http server and a bare reverse proxy, in one run on loopback.

  npm run bench              about five minutes; ends with a line for each target
  npm run bench -- --quick   about fifteen seconds
  npm run bench -- --json    one JSON object instead of tables
  npm run bench -- --profile DIR   also CPU profiles of coordinator and provider, with a table by stage
  npm run bench -- --beside DIR    also another checkout of this repository, e.g. of an earlier version, in the same
                             rounds; DIR is its root, where npm ci has run
  npm run bench -- --engine [--threads N]   the model's engine beside the bare library, with its targets: up to three
                             minutes; the bundled model, and SmolLM2 where DARKBLOOM_TEST_SMOLLM2 names its file
  npm run bench -- --sealed  sealed beside transparent through the client library, and what sealing adds in bytes; with its
                             targets: a minute and a half
  npm run bench -- --ledger  what the money of one answer takes, alone and in groups, and finding a key: half a minute
  npm run bench -- --cluster a machine of another coordinator beside one of the coordinator that is asked, over a real
                             nats-server, with its targets: a minute and a half

Rounds alternate between the contenders, so that what else the machine does hits all alike. Quote the
ratios, not the figures. Exit code 1 if any answer was not whole.
`;

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
    cluster: { type: "boolean" },
    sealed: { type: "boolean" },
    threads: { type: "string" },
    quick: { type: "boolean" },
    tiny: { type: "boolean" },
    json: { type: "boolean" },
    help: { type: "boolean" },
    profile: { type: "string" },
    beside: { type: "string" },
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
} else if (values.cluster) {
  const plan = values.tiny ? tinyPlan : values.quick ? quickPlan : fullPlan;
  const measured = await measureCluster(plan, (text) => void process.stderr.write(text));
  process.stdout.write(values.json ? `${JSON.stringify(measured)}\n` : linesOfCluster(measured));
  process.exitCode = measured.failures.total > 0 ? 1 : 0;
} else if (values.sealed) {
  const plan = values.tiny ? tinySealedPlan : values.quick ? quickSealedPlan : fullSealedPlan;
  const measured = await measureSealed(
    plan,
    values.profile,
    (what) => void process.stderr.write(`measuring ${what} …\n`),
  );
  process.stdout.write(values.json ? `${JSON.stringify(measured)}\n` : linesOfSealed(measured));
  process.exitCode = Object.keys(measured.failures).length > 0 ? 1 : 0;
} else {
  const plan = values.tiny ? tinyPlan : values.quick ? quickPlan : fullPlan;
  const measured = await benchRelay(
    plan,
    { profileFolder: values.profile, earlier: values.beside },
    (text) => void process.stderr.write(text),
  );
  process.stdout.write(values.json ? `${JSON.stringify(measured)}\n` : `${tables(measured)}\n${targetLines(measured)}`);
  const bounded = Object.values(measured.silentMb).every((mb) => mb <= SILENT_CALLER_MB_MAX);
  process.exitCode = measured.failures.total > 0 || !bounded ? 1 : 0;
}
