import { Worker } from "node:worker_threads";
import { nativeCalls } from "../../posture/native-calls.ts";

const PARENT_LOOK_EVERY_MS = 1_000;

/** This process ends when its parent does, also where its own loop hangs and hears nothing of it. */
export function leaveWithParent(): void {
  const parent = process.ppid;
  if (nativeCalls()?.dieWithParent() === true) {
    // It may have ended before the kernel was asked.
    if (process.ppid !== parent) process.exit(0);
    return;
  }
  const source = `
    const parent = ${parent};
    setInterval(() => process.ppid === parent || process.kill(process.pid, "SIGKILL"), ${PARENT_LOOK_EVERY_MS});
  `;
  new Worker(source, { eval: true }).unref();
}
