/**
 * Loaded into each process before the program: counts which functions run, from one signal to the next, and hands
 * the flag on to the processes that this one starts.
 */
import { chmodSync, writeFileSync } from "node:fs";
import { Session, type Profiler } from "node:inspector";
import { join } from "node:path";

const folder = new URL(import.meta.url).searchParams.get("folder") ?? "";

const session = new Session();
session.connect();
session.post("Profiler.enable");
session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });

let told = 0;
process.on("SIGUSR2", () => {
  session.post("Profiler.takePreciseCoverage", (_error, taken?: Profiler.TakePreciseCoverageReturnType) => {
    told += 1;
    const argv = process.argv.slice(1).join(" ");
    writeFileSync(join(folder, `${process.pid}.${told}.json`), JSON.stringify({ argv, result: taken?.result ?? [] }));
  });
});

// A child's environment is cleaned on its way, so the flag goes with the program's name.
const wrapper = join(folder, `node-${process.pid}`);
writeFileSync(wrapper, `#!/bin/sh\nexec '${process.execPath}' --import '${import.meta.url}' "$@"\n`);
chmodSync(wrapper, 0o755);
process.execPath = wrapper;
writeFileSync(join(folder, `${process.pid}.started`), "");
