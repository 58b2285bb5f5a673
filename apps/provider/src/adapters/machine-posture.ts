import { linuxMachinePosture } from "./linux-posture.ts";
import type { PostureEntry } from "./posture.ts";

/**
 * What protects this machine, as its operating system says it. Read once: it changes with a restart of
 * the machine, which ends the provider too.
 */
export async function readMachinePosture(): Promise<readonly PostureEntry[]> {
  return process.platform === "linux" ? linuxMachinePosture() : [];
}
