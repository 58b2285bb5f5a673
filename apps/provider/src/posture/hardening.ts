import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { url as inspectorUrl } from "node:inspector";
import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import { injectingNames, scrubbedEnvironment, TOKEN_VARIABLE, unneededCount } from "./environment.ts";
import { linuxProcessPosture } from "./linux-posture.ts";
import { nativeCalls } from "./native-calls.ts";
import { off, on, unread, type PostureEntry } from "./posture.ts";

/** This process can be read by others; the message is a sentence for the machine's owner. */
export class NotHardenedError extends ErrorForPeople {
  override readonly name = "NotHardenedError";
}

/** Of util-linux, for a Node that cannot set limits itself. By absolute path, so that PATH decides nothing. */
const PRLIMIT_PATHS = ["/usr/bin/prlimit", "/bin/prlimit"];
const PRLIMIT_WAIT_MS = 5_000;
/** Stops dumps to files and to programs alike; `coreDumpsOff` says why. */
const CORE_LIMIT_BYTES = 1;

/**
 * Closes what Node leaves open for others to look into the process, where prompts are in the clear.
 *
 * Node opens its inspector on SIGUSR1, which every process of the same user can send; a listener of our
 * own takes that place. https://nodejs.org/api/process.html#signal-events
 *
 * @throws NotHardenedError where the inspector is open already
 */
export function closeInspector(): void {
  if (inspectorUrl() !== undefined)
    throw new NotHardenedError(
      "Node's inspector is open, through which every program of this user could read prompts. Start without --inspect (see NODE_OPTIONS).",
    );
  if (process.listenerCount("SIGUSR1") === 0) process.on("SIGUSR1", () => {});
}

/**
 * Keeps this process's memory out of core dumps, until it ends, where the system lets it.
 *
 * @returns whether the limit was set by this process itself, rather than by a program whose answer is not known
 */
export function limitCoreDumps(): boolean {
  if (nativeCalls()?.limitCore(BigInt(CORE_LIMIT_BYTES)) === true) return true;
  limitCoreByProgram();
  return false;
}

/** What was done to this process, and how it now stands. */
export interface Hardening {
  /** Read anew at each call, since others can change some of it. */
  posture(): PostureEntry[];
}

/** A process that nobody has hardened, such as a test's: what can be read of it. */
export const notHardened: Hardening = { posture: () => [...systemPosture(undefined), inspector()] };

/**
 * Makes this process as hard to read as it can be made from inside: no core dumps, no memory for other
 * programs of this user, no environment that it does not need. It stays so until the process ends; for
 * a process that does nothing but provide.
 *
 * What cannot be done is no error: the posture says what holds. Nothing here keeps root out.
 */
export function hardenProcess(): Hardening {
  const native = nativeCalls();
  const environment = startEnvironment(injectingNames(process.env), unneededCount(process.env));
  // A child of ours, or code that prints its environment, has no use for what is not on the list. The
  // kernel's copy of the first environment (/proc/PID/environ) is only changed by whoever starts us.
  const kept = new Set(Object.keys(scrubbedEnvironment(process.env)));
  for (const name of Object.keys(process.env)) if (!kept.has(name) || name === TOKEN_VARIABLE) delete process.env[name];

  const coreLimited = limitCoreDumps();
  native?.forbidDumps();
  const debuggerDenied = process.platform === "darwin" && native?.denyDebugger() === true;
  return {
    posture: () => [
      ...(process.platform === "darwin"
        ? [coreLimit(coreLimited), debuggers(debuggerDenied)]
        : systemPosture(native?.dumpMode())),
      inspector(),
      environment,
    ],
  };
}

const systemPosture = (dumpMode: number | undefined): PostureEntry[] =>
  process.platform === "linux"
    ? linuxProcessPosture(dumpMode)
    : [unread("core_dumps_off", "not readable on this system")];

const inspector = (): PostureEntry =>
  inspectorUrl() === undefined
    ? on("inspector_closed", "Node's inspector is closed")
    : off("inspector_closed", "Node's inspector is open", "Start without --inspect.");

function startEnvironment(injecting: readonly string[], unneeded: number): PostureEntry {
  const name = "environment_clean";
  if (injecting.length > 0)
    return off(
      name,
      `started with ${injecting.join(", ")}`,
      "Start the provider without these variables, which can load foreign code.",
    );
  return unneeded === 0
    ? on(name, "started with nothing in its environment that a provider does not need")
    : off(
        name,
        `started with ${unneeded} variables that a provider does not need, which the kernel keeps`,
        "Start the provider with 'darkbloom provider start', which leaves them out.",
      );
}

/** On macOS, where both are known from the calls' own answers: what Node can read there does not tell. */
const coreLimit = (limited: boolean): PostureEntry =>
  limited
    ? on("core_dumps_off", `the limit for core dumps was set to ${CORE_LIMIT_BYTES}`)
    : unread("core_dumps_off", "this Node cannot set the limit for core dumps", "Use Node 26.1 or newer.");

const debuggers = (denied: boolean): PostureEntry =>
  denied
    ? on("debugger_denied", "the system was asked to let no debugger attach, and did not refuse")
    : unread("debugger_denied", "this Node cannot ask the system to let no debugger attach", "Use Node 26.1 or newer.");

function limitCoreByProgram(): void {
  const program = process.platform === "linux" && PRLIMIT_PATHS.find((path) => existsSync(path));
  if (program === undefined || program === false) return;
  try {
    const limit = `--core=${CORE_LIMIT_BYTES}:${CORE_LIMIT_BYTES}`;
    execFileSync(program, ["--pid", String(process.pid), limit], { stdio: "ignore", timeout: PRLIMIT_WAIT_MS });
  } catch {
    // A hard limit of 0 cannot be raised to 1, and stops dumps to files.
  }
}
