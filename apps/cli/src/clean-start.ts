import { scrubbedEnvironment } from "@darkbloom/provider/posture/environment";
import { STARTED_CLEAN_VARIABLE } from "./environment.ts";

/**
 * Starts this process again, under its own id, with that part of its environment that a provider needs. What the
 * kernel shows of an environment (/proc/PID/environ), and what code it had loaded by then, no process can change
 * from inside.
 *
 * Returns where there is nothing to leave out. A system that adds names by itself would do so each time, so it is
 * done once. A process with a parent that talks to it would lose that line; `darkbloom up` leaves the rest out itself.
 */
export function startClean(): void {
  const kept = scrubbedEnvironment(process.env);
  const isClean = Object.keys(process.env).every((name) => Object.hasOwn(kept, name));
  if (isClean || process.connected || process.env[STARTED_CLEAN_VARIABLE] !== undefined) return;
  const args = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve?.(process.execPath, args, { ...kept, [STARTED_CLEAN_VARIABLE]: "1" });
}
