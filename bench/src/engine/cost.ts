import { readdirSync, readFileSync } from "node:fs";

/** What something took: of the clock on the wall, and of this process's CPU in all its threads. */
export interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
}

export const perToken = ({ wallMs, cpuMs }: Cost, tokens: number): Cost => ({
  wallMs: wallMs / tokens,
  cpuMs: cpuMs / tokens,
});

/** Begins to count; each call of what it returns says what it came to so far. */
export function counting(): () => Cost {
  const startedMs = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { wallMs: performance.now() - startedMs, cpuMs: (user + system) / 1000 };
  };
}

/** The CPU time of another process in all its threads, in ms; undefined where the system does not tell it so finely. */
export function cpuMsOf(pid: number): number | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const ns = threads.map((id) => Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, "utf8").split(" ")[0]));
    return ns.reduce((sum, one) => sum + one, 0) / 1e6;
  } catch {
    return undefined;
  }
}
