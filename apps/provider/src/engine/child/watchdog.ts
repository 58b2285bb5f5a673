import { readFileSync } from "node:fs";

/** A loop that shows no sign of life for so long hangs; while a model is loaded it may be busy for longer. */
export const ENGINE_SILENT_MS = 10_000;
export const ENGINE_LOADING_SILENT_MS = 60_000;
/** A prompt's template and tokens, or a grammar, that take longer are never done. */
export const ENGINE_WORK_MS = 5_000;
/** One step of the model: a batch of a long prompt on a slow machine stays far below. */
export const ENGINE_STEP_MS_MAX = 60_000;
/** Above what it took when it was loaded. */
export const ENGINE_SWELL_BYTES_MAX = 1024 * 1024 * 1024;

export interface WatchBounds {
  readonly silentMs: number;
  readonly loadingSilentMs: number;
  readonly workMs: number;
  readonly stepMs: number;
  readonly swellBytes: number;
}

export const watchBounds: WatchBounds = {
  silentMs: ENGINE_SILENT_MS,
  loadingSilentMs: ENGINE_LOADING_SILENT_MS,
  workMs: ENGINE_WORK_MS,
  stepMs: ENGINE_STEP_MS_MAX,
  swellBytes: ENGINE_SWELL_BYTES_MAX,
};

/** What is known of an engine's process at one moment. */
export interface EngineSigns {
  readonly nowMs: number;
  /** When it last said anything. */
  readonly heardAtMs: number;
  /** Since when its loop has been inside one request's prompt or grammar. */
  readonly workSinceMs: number | undefined;
  /** How long the model's step has taken, as it said itself. */
  readonly stepMs: number;
  readonly privateBytes: number | undefined;
  /** When it was ready; undefined while it loads. */
  readonly loadedBytes: number | undefined;
}

/** Why an engine's process must be ended. */
export type EngineFault = "silent" | "stuck_in_request" | "slow_step" | "swollen";

export function faultOf(signs: EngineSigns, bounds: WatchBounds): EngineFault | undefined {
  const { nowMs, heardAtMs, workSinceMs, stepMs, privateBytes, loadedBytes } = signs;
  const isLoading = loadedBytes === undefined;
  if (workSinceMs !== undefined && nowMs - workSinceMs > bounds.workMs) return "stuck_in_request";
  if (nowMs - heardAtMs > (isLoading ? bounds.loadingSilentMs : bounds.silentMs)) return "silent";
  if (!isLoading && stepMs > bounds.stepMs) return "slow_step";
  if (!isLoading && privateBytes !== undefined && privateBytes - loadedBytes > bounds.swellBytes) return "swollen";
  return undefined;
}

const PAGE_BYTES = 4096;

/**
 * The memory of a process that no file backs, as Linux says it from outside (proc_pid_statm(5)): a process that
 * hangs cannot say it. Weights are a file, and come and go as the system likes.
 */
export function privateBytesOf(pid: number): number | undefined {
  try {
    const [, resident, shared] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ").map(Number);
    return resident === undefined || shared === undefined ? undefined : (resident - shared) * PAGE_BYTES;
  } catch {
    return undefined;
  }
}
