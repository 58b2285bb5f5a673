import { paddedRequest } from "@darkbloom/protocol/sealing";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildClient } from "../../../scripts/client/build.ts";
import { askOf, type Asked } from "../answers.ts";
import { quantile, spreadOf, type Spread } from "../figures.ts";
import { MeasuredProcess } from "../measured-process.ts";
import { cpuOf } from "../rounds.ts";
import { stagesOf, type Stages } from "../stages.ts";
import { modes, readTaken, type Mode, type Order, type Taken, type WireBytes } from "./orders.ts";

interface SealedPlan {
  readonly rounds: number;
  readonly roundMs: number;
  /** Per workload and mode, before anything is counted. */
  readonly warmUpMs: number;
}
export const fullSealedPlan: SealedPlan = { rounds: 7, roundMs: 900, warmUpMs: 3_000 };
export const quickSealedPlan: SealedPlan = { rounds: 3, roundMs: 200, warmUpMs: 300 };
/** For the test: everything runs once. */
export const tinySealedPlan: SealedPlan = { rounds: 1, roundMs: 1, warmUpMs: 1 };

/** Alone for the time that an answer takes; several at once for what it costs. */
export const sealedWorkloads = {
  "plain, 1 caller": { asked: { pieces: 8, stream: false }, callers: 1 },
  "streamed, 1 caller": { asked: { pieces: 8, stream: true }, callers: 1 },
  "plain, 16 callers": { asked: { pieces: 8, stream: false }, callers: 16 },
  "streamed, 16 callers": { asked: { pieces: 8, stream: true }, callers: 16 },
} as const satisfies Record<string, Pick<Order, "asked" | "callers">>;
export type SealedWorkload = keyof typeof sealedWorkloads;
const workloadNames = Object.keys(sealedWorkloads) as SealedWorkload[];

/** From a short question to a long document, and from a short answer to a long one. */
const sizes: Readonly<Record<string, Asked>> = {
  "a question, 8 tokens": { pieces: 8, stream: false },
  "a question, 8 tokens streamed": { pieces: 8, stream: true },
  "1 kB, 200 tokens": { pieces: 200, stream: false, contextChars: 1_000 },
  "1 kB, 200 tokens streamed": { pieces: 200, stream: true, contextChars: 1_000 },
  "16 kB, 2,000 tokens": { pieces: 2_000, stream: false, contextChars: 16_000 },
  "16 kB, 2,000 tokens streamed": { pieces: 2_000, stream: true, contextChars: 16_000 },
  "16 kB, 50 tokens streamed, 20 ms apart": { pieces: 50, stream: true, everyMs: 20, contextChars: 16_000 },
  "1 MB, 8 tokens": { pieces: 8, stream: false, contextChars: 1_000_000 },
};

export const sides = ["coordinator", "provider", "caller"] as const;
export type Side = (typeof sides)[number];
type ByMode<Value> = Readonly<Record<Mode, Value>>;

interface Round {
  readonly totalP50Ms: number;
  readonly totalP99Ms: number;
  readonly firstP50Ms: number;
  readonly firstP99Ms: number;
  readonly cpuMicros: Readonly<Record<Side, number>>;
}
export const times = ["totalP50Ms", "totalP99Ms", "firstP50Ms", "firstP99Ms"] as const;

/** `transparent` and `sealed`: the median of the rounds; the third: of each round's difference, or ratio. */
export interface Beside {
  readonly transparent: Spread;
  readonly sealed: Spread;
  readonly added: Spread;
  readonly ratio: Spread;
}
export interface SealedResult {
  readonly answers: ByMode<number>;
  readonly times: Readonly<Record<(typeof times)[number], Beside>>;
  readonly cpuMicros: Readonly<Record<Side, Beside>>;
}

export interface SealedBytes {
  /** The request as the program wrote it. */
  readonly body: number;
  /** What it is filled up with before it is sealed. */
  readonly padding: number;
  readonly wire: ByMode<WireBytes>;
}

type Processes = readonly [coordinator: MeasuredProcess, provider: MeasuredProcess, caller: MeasuredProcess];

/** What sealing costs on top of what the library costs anyway: both modes in turn, against one coordinator and one provider. */
export async function measureSealed(plan: SealedPlan, profileFolder: string | undefined, tell: (what: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), "darkbloom-bench-"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const start = async (name: Side, ...given: string[]) =>
    cleanup.use(await MeasuredProcess.start({ name, arguments: given, folder }));
  const built = join(folder, "client");
  await buildClient(built);
  const coordinator = await start("coordinator", join(folder, "coordinator"));
  const { port, apiKey } = coordinator.ready;
  const provider = await start("provider", String(port), join(folder, "provider"));
  const caller = await start("caller", String(port), apiKey, built);
  const processes: Processes = [coordinator, provider, caller];

  const failures: Record<string, number> = {};
  const order = async (given: Order): Promise<Taken> => {
    const taken = readTaken(await caller.told(given));
    for (const [reason, count] of Object.entries(taken.failures)) {
      const what = `${given.mode}: ${reason}`;
      failures[what] = (failures[what] ?? 0) + count;
    }
    return taken;
  };
  const results: Partial<Record<SealedWorkload, SealedResult>> = {};
  for (const name of workloadNames) {
    tell(name);
    const result = await measureWorkload(processes, name, plan, order);
    if (result) results[name] = result;
  }
  tell("bytes");
  const bytes: Record<string, SealedBytes> = {};
  for (const [name, asked] of Object.entries(sizes)) {
    const counted = { asked, callers: 1, forMs: 0, counted: true };
    const none = { asked: 0, answered: 0 };
    const wire = {
      transparent: (await order({ ...counted, mode: "transparent" })).bytes ?? none,
      sealed: (await order({ ...counted, mode: "sealed" })).bytes ?? none,
    };
    const body = askOf(asked);
    bytes[name] = { body: body.length, padding: paddedRequest(body).length - body.length, wire };
  }
  const stages = profileFolder === undefined ? {} : await profiled(processes, plan, order, profileFolder);
  return { results, bytes, stages, failures };
}

/** T S, S T, T S …: what else the machine does hits both alike, and so does coming second. */
async function measureWorkload(
  processes: Processes,
  name: SealedWorkload,
  plan: SealedPlan,
  order: (given: Order) => Promise<Taken>,
): Promise<SealedResult | undefined> {
  const { asked, callers } = sealedWorkloads[name];
  const given = { asked, callers, counted: false };
  for (const mode of modes) await order({ ...given, mode, forMs: plan.warmUpMs });
  const rounds: Record<Mode, Round[]> = { transparent: [], sealed: [] };
  const answers: Record<Mode, number> = { transparent: 0, sealed: 0 };
  for (let round = 0; round < plan.rounds; round++)
    for (const mode of round % 2 === 0 ? modes : modes.toReversed()) {
      const before = await cpuOf(processes);
      const { timings } = await order({ ...given, mode, forMs: plan.roundMs });
      const after = await cpuOf(processes);
      if (timings.length === 0) return undefined;
      answers[mode] += timings.length;
      const totals = timings.map(({ totalMs }) => totalMs);
      const firsts = timings.map(({ firstMs }) => firstMs);
      const micros = (at: number) => ((after[at]?.cpuMicros ?? 0) - (before[at]?.cpuMicros ?? 0)) / timings.length;
      rounds[mode].push({
        totalP50Ms: quantile(totals, 0.5),
        totalP99Ms: quantile(totals, 0.99),
        firstP50Ms: quantile(firsts, 0.5),
        firstP99Ms: quantile(firsts, 0.99),
        cpuMicros: { coordinator: micros(0), provider: micros(1), caller: micros(2) },
      });
    }
  const beside = (valueOf: (round: Round) => number): Beside => {
    const [transparent, sealed] = [rounds.transparent.map(valueOf), rounds.sealed.map(valueOf)];
    const paired = (combine: (sealed: number, transparent: number) => number) =>
      spreadOf(sealed.map((value, at) => combine(value, transparent[at] ?? Number.NaN)));
    return {
      transparent: spreadOf(transparent),
      sealed: spreadOf(sealed),
      added: paired((one, other) => one - other),
      ratio: paired((one, other) => one / other),
    };
  };
  return {
    answers,
    times: {
      totalP50Ms: beside((round) => round.totalP50Ms),
      totalP99Ms: beside((round) => round.totalP99Ms),
      firstP50Ms: beside((round) => round.firstP50Ms),
      firstP99Ms: beside((round) => round.firstP99Ms),
    },
    cpuMicros: {
      coordinator: beside((round) => round.cpuMicros.coordinator),
      provider: beside((round) => round.cpuMicros.provider),
      caller: beside((round) => round.cpuMicros.caller),
    },
  };
}

/** Where the main threads of all three are, in each mode; in rounds of its own. */
async function profiled(
  processes: Processes,
  plan: SealedPlan,
  order: (given: Order) => Promise<Taken>,
  folder: string,
): Promise<Record<string, ByMode<Stages>>> {
  mkdirSync(folder, { recursive: true });
  const found: Record<string, Record<Mode, Stages>> = {};
  for (const name of ["plain, 16 callers", "streamed, 16 callers"] as const)
    for (const mode of modes) {
      for (const one of processes) await one.startProfile();
      const before = await cpuOf(processes);
      const { asked, callers } = sealedWorkloads[name];
      const { timings } = await order({ asked, callers, counted: false, mode, forMs: plan.roundMs });
      const after = await cpuOf(processes);
      for (const [at, one] of processes.entries()) {
        const profile = await one.endProfile();
        const [kind = name] = name.split(",");
        writeFileSync(join(folder, `${kind}-${mode}-${one.name}.cpuprofile`), JSON.stringify(profile));
        const micros = (after[at]?.mainThreadMicros ?? 0) - (before[at]?.mainThreadMicros ?? 0);
        const byMode = (found[`${name}, ${one.name}`] ??= { transparent: {}, sealed: {} });
        byMode[mode] = stagesOf(profile, micros / timings.length);
      }
    }
  return found;
}
