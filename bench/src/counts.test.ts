import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Callers, Failures } from "./callers.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { workloads, type Workload } from "./plan.ts";

const kinds = ["frames sealed or opened", "messages", "socket writes", "statements", "signals", "timers", "promises"];
type Counts = readonly number[];

/** What one answer costs each process; of a long stream, what a thousand chunks cost. In the order of `kinds`. */
const expected: readonly (readonly [Workload, coordinator: Counts, provider: Counts])[] = [
  [workloads.plain1, [3, 1, 2, 17, 1, 2, 85], [3, 2, 1, 0, 1, 0, 80]],
  [workloads.stream1, [4, 1, 3, 17, 1, 2, 95], [4, 3, 2, 0, 1, 0, 85]],
  [workloads.long1, [16, 3.5, 11, 8, 0.5, 1.5, 230], [16, 15, 15, 0, 0.5, 0.1, 4_100]],
];
/** Of what there is next to nothing, a few are no regression. */
const FEW = 0.5;

const ANSWERS = 12;

/**
 * Goal: nobody makes the request path twice as dear without being told, on whatever machine. Method: coordinator and provider as
 * they are deployed, in processes that count; some answers to one caller, and what each of them cost. A figure that is half of
 * what stands here is to be written down here too.
 */
describe("what one answer costs", { timeout: 120_000 }, async () => {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await mkdtempDisposable(join(tmpdir(), "darkbloom-counts-")));
  const start = async (name: string, ...given: string[]) =>
    opened.use(await MeasuredProcess.start({ name, arguments: given, folder: folder.path, isCounting: true }));
  const coordinator = await start("coordinator", join(folder.path, "coordinator"));
  const provider = await start("provider", String(coordinator.ready.port), join(folder.path, "provider"));
  const failures = new Failures();

  /** Counts of both processes over some answers, for one of them. */
  async function measured(workload: Workload): Promise<[Counts, Counts]> {
    using callers = new Callers({ name: "darkbloom", ...coordinator.ready, signs: true }, workload, failures);
    await callers.ask(0);
    const isLong = workload.pieces > 100;
    const answers = isLong ? 2 : ANSWERS;
    const look = () => Promise.all([coordinator.usage(), provider.usage()]);
    const before = await look();
    for (let n = 0; n < answers; n++) await callers.ask(0);
    const after = await look();
    const units = isLong ? (answers * workload.pieces) / 1_000 : answers;
    const per = (at: 0 | 1) =>
      kinds.map((kind) => ((after[at].counts[kind] ?? 0) - (before[at].counts[kind] ?? 0)) / units);
    return [per(0), per(1)];
  }

  const rows = [];
  for (const [workload, ...costs] of expected) {
    const found = await measured(workload);
    for (const [at, name] of ["coordinator", "provider"].entries())
      for (const [n, kind] of kinds.entries())
        rows.push([workload.name, name, kind, costs[at]?.[n] ?? 0, found[at]?.[n] ?? Number.NaN] as const);
  }

  it("is whole", () => expect(failures.total).toBe(0));

  it.each(rows)("%s, %s: %s, about %d, %d now", (_workload, _process, _kind, about, now) => {
    expect(now).toBeLessThan(Math.max(2 * about, about + FEW));
    expect(now).toBeGreaterThanOrEqual(about / 2 - FEW);
  });
});
