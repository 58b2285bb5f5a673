import type { Spread } from "../figures.ts";
import { told } from "../tables.ts";
import { sides, times, type Beside, type measureSealed, type SealedWorkload } from "./bench.ts";
import { modes } from "./orders.ts";

export type MeasuredSealed = Awaited<ReturnType<typeof measureSealed>>;

const timeNames = {
  totalP50Ms: "whole answer p50, ms",
  totalP99Ms: "whole answer p99, ms",
  firstP50Ms: "first content p50, ms",
  firstP99Ms: "first content p99, ms",
} as const;

const row = (what: string, { transparent, sealed, added, ratio }: Beside): string =>
  `  ${what.padEnd(30)} transparent ${told(transparent)}   sealed ${told(sealed)}   added ${told(added)}   ×${told(ratio)}`;

/** Everything that was measured of sealing, for people. */
export function linesOfSealed({ results, bytes, stages, failures }: MeasuredSealed): string {
  const lines = ["median (min–max) of the rounds; added and ×: sealed beside transparent of the same round", ""];
  for (const [name, { answers, times: took, cpuMicros }] of Object.entries(results)) {
    lines.push(`${name} (${answers.transparent} and ${answers.sealed} answers)`);
    const shown = times.filter((time) => name.startsWith("streamed") || !time.startsWith("first"));
    for (const time of shown) lines.push(row(timeNames[time], took[time]));
    for (const side of sides) lines.push(row(`${side}, CPU µs an answer`, cpuMicros[side]));
  }
  lines.push("", "bytes of headers and bodies; +: what sealing adds, with padding and framing");
  for (const [name, { body, padding, wire }] of Object.entries(bytes)) {
    const parts = (["asked", "answered"] as const).map((part) => {
      const [clear, sealed] = [wire.transparent[part], wire.sealed[part]];
      return `${part} ${clear} → ${sealed} (+${sealed - clear})`;
    });
    lines.push(`  ${name.padEnd(40)} ${parts.join("   ")}   of a body of ${body}, padded by ${padding}`);
  }
  for (const [what, byMode] of Object.entries(stages)) {
    lines.push("", `main thread by stage, CPU µs, transparent and sealed: ${what}`);
    const names = new Set(modes.flatMap((mode) => Object.keys(byMode[mode])));
    for (const stage of names) {
      const shares = modes.map((mode) => (byMode[mode][stage] ?? 0).toFixed(1).padStart(8));
      lines.push(`  ${stage.padEnd(42)} ${shares.join(" ")}`);
    }
  }
  lines.push("");
  for (const line of targetLines(results)) lines.push(line);
  if (Object.keys(failures).length > 0) lines.push("", `FAILED: ${JSON.stringify(failures)}`);
  return `${lines.join("\n")}\n`;
}

const ADDED_P50_MS_MAX = 1.5;
const COORDINATOR_RATIO_MAX = 1;

function targetLines(results: MeasuredSealed["results"]): string[] {
  const target = (what: string, name: SealedWorkload, most: number, of: (result: Found) => Spread): string => {
    const result = results[name];
    if (!result) return `  ${what.padEnd(66)} not measured, ≤ ${most}`;
    const { median } = of(result);
    return `  ${what.padEnd(66)} ${median.toFixed(2).padStart(6)}   ≤ ${most}   ${median <= most ? "met" : "MISSED"}`;
  };
  const added = ({ times: { totalP50Ms } }: Found) => totalP50Ms.added;
  const ratio = ({ cpuMicros: { coordinator } }: Found) => coordinator.ratio;
  return [
    "targets",
    target("added end to end p50, plain, 1 caller, ms", "plain, 1 caller", ADDED_P50_MS_MAX, added),
    target("added end to end p50, streamed, 1 caller, ms", "streamed, 1 caller", ADDED_P50_MS_MAX, added),
    target(
      "no more work for the coordinator than transparent, plain, ×",
      "plain, 16 callers",
      COORDINATOR_RATIO_MAX,
      ratio,
    ),
    target(
      "no more work for the coordinator than transparent, streamed, ×",
      "streamed, 16 callers",
      COORDINATOR_RATIO_MAX,
      ratio,
    ),
  ];
}

type Found = NonNullable<MeasuredSealed["results"][SealedWorkload]>;
