import { contenderNames } from "./client.ts";
import type { Spread } from "./figures.ts";
import { SILENT_CALLER_MB_MAX, SILENT_CALLERS, SILENT_PIECES, workloads } from "./plan.ts";
import type { benchRelay } from "./relay.ts";
import { measures, type Measure } from "./rounds.ts";

const number = (value: number): string =>
  value >= 1000 ? Math.round(value).toString() : value >= 10 ? value.toFixed(1) : value.toFixed(2);
export const told = ({ median, min, max }: Spread): string => `${number(median)} (${number(min)}–${number(max)})`;

/** The measures that say something about each workload. */
const interesting: Record<keyof typeof workloads, readonly Measure[]> = {
  plain1: ["answersPerSec", "totalP50Ms", "totalP99Ms", "cpuMicrosPerAnswer"],
  plain64: ["answersPerSec", "totalP50Ms", "totalP99Ms", "cpuMicrosPerAnswer"],
  stream1: ["firstP50Ms", "firstP99Ms", "cpuMicrosPerAnswer"],
  stream64: ["answersPerSec", "firstP50Ms", "firstP99Ms", "cpuMicrosPerAnswer"],
  long1: ["chunksPerSec", "cpuMicrosPerChunk"],
  long8: ["chunksPerSec", "cpuMicrosPerChunk"],
};

export type Measured = Awaited<ReturnType<typeof benchRelay>>;

/** Everything that was measured, for people. */
export function tables({ results, paced, memory, silentMb, micros, stages, failures }: Measured): string {
  const lines = ["", "median (min–max) of the rounds; ×: darkbloom's median over that contender's", ""];
  for (const { name, connections, pieces, stream } of Object.values(workloads)) {
    const result = results[name];
    if (!result) continue;
    lines.push(`${stream ? "stream" : "plain"}, ${connections} connections, ${pieces} pieces`);
    for (const measure of interesting[name]) {
      const ofEach = [...contenderNames, "earlier" as const].flatMap((contender) => {
        const spread = result.rounds[contender]?.[measure];
        return spread ? [[contender, spread] as const] : [];
      });
      const row = ofEach.map(([contender, spread]) => `${contender} ${told(spread)}`);
      const us = result.rounds.darkbloom[measure].median;
      const ratio = ofEach
        .filter(([contender]) => contender !== "darkbloom")
        .map(([contender, { median }]) => `×${number(us / median)} ${contender}`);
      lines.push(`  ${measures[measure].padEnd(22)} ${row.join("   ")}   ${ratio.join(" ")}`);
    }
    const { darkbloom, earlier } = result.cpuMicrosPerAnswer;
    for (const [process, spread] of Object.entries(earlier ?? {}))
      lines.push(
        `  of one answer, CPU µs: ${process} ${told(darkbloom[process] ?? spread)}, earlier ${told(spread)}, ×${number((darkbloom[process]?.median ?? Number.NaN) / spread.median)}`,
      );
    if (stream && pieces < 100) {
      const { firstP50Ms, firstP99Ms } = result.added.darkbloom;
      lines.push(`  added first content, ms  p50 ${told(firstP50Ms)}   p99 ${told(firstP99Ms)}`);
    }
  }
  lines.push("", "streams at a model's pace that are held, and what was tried");
  for (const [name, { held, tried }] of Object.entries(paced)) {
    lines.push(`  ${name.padEnd(12)} ${held}`);
    for (const { streams, firstP99Ms, gapP99Ms, cpuMicrosPerChunk } of tried) {
      const cpu = Object.entries(cpuMicrosPerChunk).map(([process, us]) => `${process} ${number(us)}`);
      lines.push(
        `    ${String(streams).padStart(5)}: first content p99 ${number(firstP99Ms)} ms, gap p99 ${number(gapP99Ms)} ms; CPU µs a chunk: ${cpu.join(", ")}`,
      );
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
  for (const [what, shares] of Object.entries(stages)) {
    lines.push("", `main thread by stage, CPU µs: ${what}`);
    for (const [stage, us] of Object.entries(shares)) lines.push(`  ${stage.padEnd(38)} ${number(us)}`);
  }
  if (failures.total > 0) lines.push("", `FAILED: ${JSON.stringify(failures)}`);
  return `${lines.join("\n")}\n`;
}
