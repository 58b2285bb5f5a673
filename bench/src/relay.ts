import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Callers, Failures } from "./callers.ts";
import { askInSilence, contenderNames, questionOf, type ContenderName, type Earlier } from "./client.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { microBenchmarks } from "./micro.ts";
import { heldStreams, type HeldStreams } from "./paced.ts";
import { SILENT_CALLERS, SILENT_PIECES, workloads, type Plan } from "./plan.ts";
import { cpuOf, measureWorkload, type Contender, type Contenders, type WorkloadResult } from "./rounds.ts";
import { stagesOf, type Stages } from "./stages.ts";

interface Memory {
  readonly before: number;
  readonly plateau: number;
  readonly after: number;
}

interface RelayOptions {
  /** Where CPU profiles go, with a table by stage; none are made without. */
  readonly profileFolder?: string | undefined;
  /** The root of another checkout of this repository, installed, e.g. of an earlier version: measured in the same rounds. */
  readonly earlier?: string | undefined;
}

/** Everything, on each contender in turn. */
export async function benchRelay(plan: Plan, { profileFolder, earlier }: RelayOptions, tell: (text: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), "darkbloom-bench-"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const start = async (name: string, ...given: string[]) =>
    cleanup.use(await MeasuredProcess.start({ name, arguments: given, folder }));
  const bare = await start("bare-server");
  const proxy = await start("bare-proxy", String(bare.ready.port));
  const coordinator = await start("coordinator", join(folder, "coordinator"));
  const provider = await start("provider", String(coordinator.ready.port), join(folder, "provider"));
  const startEarlier = async (checkout: string): Promise<Contender> => {
    const startIts = async (name: string, ...given: string[]) =>
      cleanup.use(await MeasuredProcess.start({ name, checkout, arguments: given, folder }));
    const itsCoordinator = await startIts("coordinator", join(folder, "earlier-coordinator"));
    const port = String(itsCoordinator.ready.port);
    const itsProvider = await startIts("provider", port, join(folder, "earlier-provider"));
    return {
      target: { name: "earlier", ...itsCoordinator.ready, signs: true },
      processes: [itsCoordinator, itsProvider],
    };
  };
  const contenders: Contenders = {
    bare: { target: { name: "bare", ...bare.ready, signs: false }, processes: [bare] },
    proxy: { target: { name: "proxy", ...proxy.ready, signs: false }, processes: [proxy, bare] },
    darkbloom: { target: { name: "darkbloom", ...coordinator.ready, signs: true }, processes: [coordinator, provider] },
    ...(earlier !== undefined && { earlier: await startEarlier(earlier) }),
  };

  const failures = new Failures();
  const memory: Record<string, Memory> = {};
  const ours = [coordinator, provider];
  const looked = [
    ...ours.map((one) => [one.name, one] as const),
    ...(contenders.earlier?.processes ?? []).map((one) => [`earlier ${one.name}`, one] as const),
  ];
  for (const [name, one] of looked) {
    const before = (await one.collect()).residentBytes;
    memory[name] = { before, plateau: before, after: before };
  }
  const lookAtMemory = async () => {
    for (const [name, one] of looked) {
      const known = memory[name];
      const { residentBytes } = await one.usage();
      if (known) memory[name] = { ...known, plateau: Math.max(known.plateau, residentBytes) };
    }
  };
  const results: Partial<Record<keyof typeof workloads, WorkloadResult>> = {};
  for (const workload of Object.values(workloads)) {
    tell(`measuring ${workload.name} …\n`);
    results[workload.name] = await measureWorkload(contenders, workload, plan, failures, lookAtMemory);
  }
  const paced: Partial<Record<ContenderName | Earlier, HeldStreams>> = {};
  for (const name of contenderNames) {
    tell(`measuring streams at a model's pace, ${name} …\n`);
    paced[name] = await heldStreams(contenders[name], plan);
  }
  const stages = profileFolder === undefined ? {} : await profiled(contenders.darkbloom, plan, failures, profileFolder);
  tell("measuring callers who read nothing …\n");
  const silentMb = await silentCallers(contenders, plan, ours);
  await new Promise((resolve) => setTimeout(resolve, plan.quietMs));
  for (const [name, one] of looked) {
    const known = memory[name];
    if (known) memory[name] = { ...known, after: (await one.collect()).residentBytes };
  }
  tell("measuring single steps …\n");
  return { results, paced, memory, silentMb, micros: microBenchmarks(plan.microMs), stages, failures };
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

/** What is profiled: an answer of each kind, and chunks of long streams. */
const profiledWorkloads = ["plain64", "stream64", "long8"] as const;

/** Where the main threads are in each of these, by stage; the profiles themselves go into the folder. */
async function profiled(
  { target, processes }: Contender,
  plan: Plan,
  failures: Failures,
  folder: string,
): Promise<Record<string, Stages>> {
  mkdirSync(folder, { recursive: true });
  const found: Record<string, Stages> = {};
  for (const name of profiledWorkloads) {
    const workload = workloads[name];
    using callers = new Callers(target, workload, failures);
    await callers.warmUp(plan);
    for (const one of processes) await one.startProfile();
    const before = await cpuOf(processes);
    const { timings } = await callers.ask(plan.roundMs);
    const after = await cpuOf(processes);
    // Of a long stream the chunk is what is told of.
    const units = workload.pieces > 100 ? timings.length * workload.pieces : timings.length;
    for (const [at, one] of processes.entries()) {
      const profile = await one.endProfile();
      writeFileSync(join(folder, `${name}-${one.name}.cpuprofile`), JSON.stringify(profile));
      const micros = (after[at]?.mainThreadMicros ?? 0) - (before[at]?.mainThreadMicros ?? 0);
      found[`${name}, ${one.name}`] = stagesOf(profile, micros / units);
    }
  }
  return found;
}
