import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { BadAnswer, exchange, questionOf, type Target } from "./client.ts";
import { quantile } from "./figures.ts";
import type { Plan } from "./plan.ts";
import { cpuOf, type Contender } from "./rounds.ts";

/** An answer as a model writes it: so many tokens, so far apart. */
const PACED = { pieces: 64, everyMs: 20, stream: true } as const;
/** A number of streams is held while first content, and the gap between two deltas, take no longer than that in 99 of 100 cases. */
const FIRST_P99_MS_MAX = 100;
const GAP_P99_MS_MAX = 60;
/** What else the machine does may spoil a try. */
const TRIES = 2;

/** What so many streams at once came to. */
interface Paced {
  readonly streams: number;
  readonly firstP99Ms: number;
  readonly gapP99Ms: number;
  /** Of each process, by its name. */
  readonly cpuMicrosPerChunk: Readonly<Record<string, number>>;
}

export interface HeldStreams {
  /** The most that were held; 0 where not even the fewest were. */
  readonly held: number;
  readonly tried: readonly Paced[];
}

/** How many streams at a model's pace are held at once: more and more, until a number is not. */
export async function heldStreams(contender: Contender, plan: Plan): Promise<HeldStreams> {
  const tried: Paced[] = [];
  let held = 0;
  for (const streams of plan.pacedStreams) {
    let found: Paced | undefined;
    for (let n = 0; n < TRIES && !isHeld(found); n++) found = await paced(contender, streams, plan.pacedMs);
    if (found) tried.push(found);
    if (!isHeld(found)) break;
    held = streams;
  }
  return { held, tried };
}

const isHeld = (found: Paced | undefined): boolean =>
  found !== undefined && found.firstP99Ms <= FIRST_P99_MS_MAX && found.gapP99Ms <= GAP_P99_MS_MAX;

async function paced({ target, processes }: Contender, streams: number, holdMs: number): Promise<Paced> {
  const question = await questionOf(PACED);
  const agent = new Agent({ keepAlive: true, maxSockets: streams });
  const answerMs = PACED.pieces * PACED.everyMs;
  const startedMs = performance.now();
  const isCounted = () => performance.now() - startedMs > answerMs;
  const firstsMs: number[] = [];
  const gapsMs: number[] = [];
  const caller = async (at: number): Promise<void> => {
    // Spread over one answer's time, so that they neither begin nor tick together.
    await sleep((at / streams) * answerMs);
    do {
      let beforeMs: number | undefined;
      const { firstContentMs } = await exchange(target, agent, question, () => {
        const nowMs = performance.now();
        if (beforeMs !== undefined && isCounted()) gapsMs.push(nowMs - beforeMs);
        beforeMs = nowMs;
      });
      if (isCounted()) firstsMs.push(firstContentMs);
    } while (performance.now() - startedMs < answerMs + holdMs);
  };
  const callers = Array.from({ length: streams }, (_, at) => caller(at));
  const ended = Promise.all(callers).catch((error: unknown) => failed(target, error));
  await sleep(answerMs);
  const [before, chunksBefore] = [await cpuOf(processes), gapsMs.length];
  await sleep(holdMs);
  const [after, chunks] = [await cpuOf(processes), gapsMs.length - chunksBefore];
  await ended;
  agent.destroy();
  const perChunk = processes.map(
    ({ name }, n) => [name, ((after[n]?.cpuMicros ?? 0) - (before[n]?.cpuMicros ?? 0)) / Math.max(1, chunks)] as const,
  );
  return {
    streams,
    firstP99Ms: firstsMs.length > 0 ? quantile(firstsMs, 0.99) : Number.POSITIVE_INFINITY,
    gapP99Ms: gapsMs.length > 0 ? quantile(gapsMs, 0.99) : Number.POSITIVE_INFINITY,
    cpuMicrosPerChunk: Object.fromEntries(perChunk),
  };
}

/** A stream that broke is not held; it is no fault of the benchmark, which says of others what they cannot do. */
function failed({ name }: Target, error: unknown): void {
  if (!(error instanceof BadAnswer)) throw error;
  process.stderr.write(`${name}: ${error.message}\n`);
}
