import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import { spawn, type ChildProcess } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import { Duplex } from "node:stream";
import type { LlamaOptions } from "../llama/llama-open.ts";
import { scrubbedEnvironment } from "../../posture/environment.ts";
import { LINE_FD, orderFrame, type Order } from "./orders.ts";
import { FrameReader, readRecords, type EngineRecord } from "./records.ts";
import { faultOf, privateBytesOf, type EngineFault, type WatchBounds } from "./watchdog.ts";
import {
  beat as beatSchema,
  loadedFacts,
  trouble,
  type LoadedFacts,
  type LoadingStep,
  loadingStep,
  type Trouble,
} from "./words.ts";

const ENGINE_BEAT_EVERY_MS = 500;
const ENGINE_LOOK_EVERY_MS = 500;
/** From the end of the line to the end of the process; then it is killed. */
export const ENGINE_STOP_MS = 3_000;

/** How one life of the engine's process ended. */
export interface LifeEnd {
  readonly why: EngineFault | "malformed" | "crashed";
  /** In our own words, for the machine's owner. */
  readonly how: string;
  /** The request that its loop was in. */
  readonly workOf: number | undefined;
}

export interface LifeOptions {
  /** The program of the process. */
  readonly entry: string;
  readonly load: LlamaOptions;
  readonly bounds: WatchBounds;
  onLoading?(step: LoadingStep): void;
}

/** The engine could not be loaded; the message is a sentence for the machine's owner. */
export class EngineLoadError extends ErrorForPeople {
  override readonly name = "EngineLoadError";
  readonly trouble: Trouble | undefined;

  constructor(sentence: string, told?: Trouble) {
    super(sentence);
    this.trouble = told;
  }
}

/** One process with a model in it, from its start to its end, and the line to it. It is watched all the time. */
export class EngineLife implements AsyncDisposable {
  readonly loaded: Promise<LoadedFacts>;
  readonly ended: Promise<LifeEnd>;
  readonly #options: LifeOptions;
  readonly #process: ChildProcess;
  readonly #line: Duplex;
  readonly #loaded = Promise.withResolvers<LoadedFacts>();
  readonly #ended = Promise.withResolvers<LifeEnd>();
  readonly #look: NodeJS.Timeout;
  #heardAtMs = performance.now();
  #work: { readonly id: number; readonly sinceMs: number } | undefined;
  #stepMs = 0;
  #saidBytes: number | undefined;
  #loadedBytes: number | undefined;
  #fault: LifeEnd["why"] | undefined;
  #orders: Order[] = [];
  #listen: ((record: EngineRecord) => void) | undefined;

  constructor(options: LifeOptions) {
    this.#options = options;
    this.loaded = this.#loaded.promise;
    this.ended = this.#ended.promise;
    void this.loaded.catch(() => undefined);
    // Nothing of its output is kept: native code prints what it could not parse, and that is a caller's.
    this.#process = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", options.entry, ...compiledAt()], {
      stdio: ["ignore", "ignore", "ignore", "pipe"],
      env: engineEnvironment(),
    });
    this.#line = lineOf(this.#process);
    const frames = new FrameReader((frame) => {
      for (const record of readRecords(frame)) this.#take(record);
    });
    this.#line.on("data", (chunk: Buffer) => {
      this.#heardAtMs = performance.now();
      this.#parsed(() => frames.push(chunk));
    });
    // A broken line is told by the process's end.
    this.#line.on("error", () => undefined);
    this.#process.once("error", (error) => this.#end(`could not be started (${error.message})`));
    this.#process.once("exit", (code, signal) =>
      this.#end(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`),
    );
    this.#look = setInterval(() => this.#watch(), ENGINE_LOOK_EVERY_MS);
    this.send({ kind: "load", options: options.load, beatEveryMs: ENGINE_BEAT_EVERY_MS });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Who hears what is told of requests. */
  listen(listen: (record: EngineRecord) => void): void {
    this.#listen = listen;
  }

  /** Orders of one turn go together. */
  send(order: Order): void {
    if (this.#orders.push(order) > 1) return;
    queueMicrotask(() => {
      const orders = this.#orders;
      this.#orders = [];
      if (this.#line.writable) this.#line.write(orderFrame(orders));
    });
  }

  /** Closes the line, which ends the process; kills it where that takes too long. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#line.end();
    const deadline = setTimeout(() => this.#process.kill("SIGKILL"), ENGINE_STOP_MS);
    await this.ended;
    clearTimeout(deadline);
  }

  #take(record: EngineRecord): void {
    switch (record.kind) {
      case "busy_with":
        this.#work = record.id === 0 ? undefined : { id: record.id, sinceMs: performance.now() };
        return;
      case "beat": {
        const { residentBytes, stepMs } = beatSchema.parse(record.json);
        this.#saidBytes = residentBytes;
        this.#stepMs = stepMs;
        return;
      }
      case "loading":
        return this.#options.onLoading?.(loadingStep.parse(record.json));
      case "loaded":
        this.#loadedBytes = this.#bytes() ?? 0;
        return this.#loaded.resolve(loadedFacts.parse(record.json));
      case "refused":
        return this.#loaded.reject(refusalOf(trouble.parse(record.json)));
      case "piece":
      case "end":
      case "fail":
      case "prompt":
      case "vectors":
      case "fits":
      case "read":
        this.#listen?.(record);
    }
  }

  /** What cannot be read was said by code that is no longer ours. */
  #parsed(read: () => void): void {
    if (this.#fault) return;
    try {
      read();
    } catch {
      this.#kill("malformed");
    }
  }

  #watch(): void {
    const fault = faultOf(
      {
        nowMs: performance.now(),
        heardAtMs: this.#heardAtMs,
        workSinceMs: this.#work?.sinceMs,
        stepMs: this.#stepMs,
        privateBytes: this.#bytes(),
        loadedBytes: this.#loadedBytes,
      },
      this.#options.bounds,
    );
    if (fault) this.#kill(fault);
  }

  #bytes(): number | undefined {
    const pid = this.#process.pid;
    return (pid === undefined ? undefined : privateBytesOf(pid)) ?? this.#saidBytes;
  }

  #kill(why: LifeEnd["why"]): void {
    this.#fault ??= why;
    // The only signal that a frozen process does not keep waiting.
    this.#process.kill("SIGKILL");
  }

  #end(how: string): void {
    clearInterval(this.#look);
    this.#line.destroy();
    const why = this.#fault ?? "crashed";
    const words = why === "crashed" ? how : endings[why];
    this.#loaded.reject(new EngineLoadError(`The model's process ${words} while it loaded.`));
    this.#ended.resolve({ why, how: words, workOf: this.#work?.id });
  }
}

const endings: Readonly<Record<Exclude<LifeEnd["why"], "crashed">, string>> = {
  silent: "gave no sign of life and was ended",
  stuck_in_request: "did not come back from a request and was ended",
  slow_step: "did not finish a step and was ended",
  swollen: "took far more memory than it was loaded with and was ended",
  malformed: "said what cannot be read and was ended",
};

function refusalOf(found: Trouble): EngineLoadError {
  switch (found.kind) {
    case "model":
      return new EngineLoadError(found.sentence, found);
    case "refusal":
      return new EngineLoadError(`The model refused to load (${found.code}).`, found);
    case "fault":
      return new EngineLoadError(`The model could not be loaded (${found.name}).`, found);
  }
}

function lineOf(process: ChildProcess): Duplex {
  const line = process.stdio[LINE_FD];
  if (!(line instanceof Duplex)) throw new TypeError("a process without its line");
  return line;
}

/** Where things are and which device to take; none of our own settings, and no secret. */
const engineEnvironment = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(scrubbedEnvironment(process.env)).filter(([name]) => !name.startsWith("DARKBLOOM_")),
  );

/** Where what Node compiles is kept, if anywhere: an argument, since no variable of a clean environment names a folder of code. */
function compiledAt(): string[] {
  const compiled = getCompileCacheDir();
  // Ours is that of one version of Node, inside of what is named.
  return compiled === undefined ? [] : [dirname(compiled)];
}
