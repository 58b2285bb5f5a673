import { Session } from "node:inspector/promises";
import { COUNTS, isQuestion, type Ready, type Usage } from "../channel.ts";

/**
 * The measured process's end of the channel: says that it is ready, then answers until it is told to
 * stop. Some take further orders. It also ends when the channel closes, so that none outlives the benchmark, however that died.
 */
export function answerParent(
  ready: Ready,
  stop: () => Promise<void>,
  other: (message: unknown) => Promise<object> = unknown,
): void {
  process.on("message", (question) => {
    if (!isQuestion(question)) return void other(question).then((answer) => process.send?.(answer));
    if (question === "stop") return void stop().then(() => process.exit(0));
    if (question === "collect") globalThis.gc?.();
    if (question === "profiled") return void endProfile().then((profile) => process.send?.({ profile }));
    if (question === "profile") return void startProfile().then(() => process.send?.(usage()));
    process.send?.(usage());
  });
  process.on("disconnect", () => process.exit(1));
  process.send?.(ready);
}

function unknown(): never {
  throw new TypeError("an unknown question");
}

/** How often the main thread is looked at. */
const SAMPLE_MICROS = 200;
let inspector: Session | undefined;

async function startProfile(): Promise<void> {
  inspector = new Session();
  inspector.connect();
  await inspector.post("Profiler.enable");
  await inspector.post("Profiler.setSamplingInterval", { interval: SAMPLE_MICROS });
  await inspector.post("Profiler.start");
}

async function endProfile(): Promise<unknown> {
  const ended = await inspector?.post("Profiler.stop");
  inspector?.disconnect();
  return ended?.profile;
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  const main = process.threadCpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    cpuMicros: user + system,
    mainThreadMicros: main.user + main.system,
    residentBytes: rss,
    heldBytes: heapUsed + external,
    counts: Reflect.get(globalThis, COUNTS) ?? {},
  };
}

/** The directory or URL that the benchmark passed on the command line. */
export function argument(at: number): string {
  const value = process.argv[at + 2];
  if (value === undefined) throw new RangeError("an argument is missing");
  return value;
}
