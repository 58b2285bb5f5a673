import type { EngineFigures } from "./bench.ts";
import type { Cost } from "./cost.ts";
import { requestNames, type RequestFigures, type RequestName } from "./requests.ts";

/** Of the engine under real use, with one request beside three streams. */
export const targets = { firstContentMs: 300, gapMs: 500, ofBareLoop: 0.95, ofBareDrawing: 1.15 } as const;

/**
 * Whether a time was kept. A busy machine's clock tells of the others too, so where it was not kept the CPU time of the
 * same with steps measured in CPU time is told as well: with one thread, a quiet machine takes no longer.
 */
export function verdictOn(wallMs: number, quietMs: number, targetMs: number): string {
  if (wallMs <= targetMs) return "met";
  return quietMs <= targetMs
    ? `missed on this busy machine, met in CPU time (${ms(quietMs)})`
    : `missed, in CPU time too (${ms(quietMs)})`;
}

const ms = (value: number): string =>
  `${value < 1 ? value.toFixed(2) : value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
const both = ({ wallMs, cpuMs }: Cost): string => `${ms(wallMs)} (CPU ${ms(cpuMs)})`;
const rate = (value: number): string => (value < 100 ? value.toFixed(1) : String(Math.round(value)));
const micros = (value: number): string => `${value < 10 ? value.toFixed(2) : Math.round(value)} µs`;

/** One model's figures as lines to read: what has a target ends with whether it was kept. */
export function linesOf({ first, gap, quiet, requests, drawing, attention, pipe, stops }: EngineFigures): string[] {
  const drawingRatio = drawing.ours / drawing.lean;
  return [
    `first content beside three streams: p50 ${both(first.p50)}, p95 ${both(first.p95)}; ${first.requests} requests of ${first.promptTokens} tokens`,
    `  target p95 ≤ ${targets.firstContentMs} ms: ${verdictOn(first.p95.wallMs, quiet.first.p95.cpuMs, targets.firstContentMs)}`,
    `  the bare library alone takes ${both(first.bareAlone)} for that prompt`,
    `longest gap of a stream beside a prompt of ${gap.words} words (${gap.promptTokens} tokens${gap.isWhole ? "" : ", its beginning"}): ${both(gap.longest)}, usually ${both(gap.p50)}`,
    `  target ≤ ${targets.gapMs} ms: ${verdictOn(gap.longest.wallMs, quiet.gap.longest.cpuMs, targets.gapMs)}`,
    "tokens/s of a request, through the process of the model, beside the tightest loop over the bare library",
    ...requestNames.map((name) => requestLine(name, requests[name])),
    `drawing a token by default: ${micros(drawing.ours)}, the bare library without topK and topP ${micros(drawing.lean)}, with topK 0 and topP 1 ${micros(drawing.full)}`,
    `  target ×${targets.ofBareDrawing} of the bare library: ${drawingRatio <= targets.ofBareDrawing ? "met" : "missed"}, ×${drawingRatio.toFixed(2)}`,
    ...(attention
      ? (["on", "off"] as const).map(
          (way) =>
            `flash attention ${way}: ${rate(attention[way].promptTokensPerSec)} tokens/s of a prompt, ${rate(attention[way].decodeTokensPerSec)} of an answer${(way === "on") === attention.flash ? ", taken" : ""}`,
        )
      : []),
    ...(pipe
      ? [
          `the way between two processes: ${micros(pipe.parent)} of CPU a token in the provider${pipe.twoProcesses === undefined ? "" : `; both ${micros(pipe.twoProcesses)}, one process for all ${micros(pipe.oneProcess)}`}`,
        ]
      : []),
    `four stop strings: ${micros(stops.four)} a token, none ${micros(stops.none)}`,
  ];
}

/** A busy machine's clock tells of the others too: so the CPU time of all processes is told beside it. */
function requestLine(name: RequestName, { share, ours, bare, providerCpuMs, pairs }: RequestFigures): string {
  const { wall, cpu = wall } = share;
  const [onClock, inCpu] = [wall, cpu].map((one) => (one >= targets.ofBareLoop ? "met" : "missed"));
  const verdict = onClock === inCpu ? onClock : `${onClock} on the clock, ${inCpu} in CPU time`;
  const kept = `×${wall.toFixed(2)} on the clock, ×${cpu.toFixed(2)} in CPU time`;
  const took = `${both(ours)} a token, of it ${ms(providerCpuMs)} of CPU in the provider; the loop ${both(bare)}`;
  return `  ${name}: ${rate(1000 / ours.wallMs)} tokens/s, ${kept}; target ×${targets.ofBareLoop}: ${verdict}; ${took}; ${pairs} pairs`;
}
