import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { freeMemoryBytes } from "./free-memory.ts";

const GB = 1e9;

/** A system whose files say this. */
function system(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "memory-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  }
  return root;
}
const meminfo = { "proc/meminfo": "MemTotal: 32000000 kB\nMemAvailable:   8000000 kB\nSwapFree: 0 kB" };
const inGroup = { ...meminfo, "proc/self/cgroup": "0::/a/b" };
const group = (path: string, most: string, used: number, stat = "") => ({
  [`sys/fs/cgroup${path}/memory.max`]: most,
  [`sys/fs/cgroup${path}/memory.current`]: String(used),
  [`sys/fs/cgroup${path}/memory.stat`]: stat,
});

describe("the memory that a process could still take", () => {
  it.each<[string, Record<string, string>, number]>([
    ["what the system could free", meminfo, 8_192_000_000],
    ["what its group leaves", { ...inGroup, ...group("/a/b", "2000000000", 500e6) }, 1.5 * GB],
    [
      "what the group around it leaves",
      { ...inGroup, ...group("/a/b", "max", 0), ...group("/a", "1000000000", 400e6) },
      0.6 * GB,
    ],
    ["in a container what its mount leaves", { ...inGroup, ...group("", "900000000", 100e6) }, 0.8 * GB],
    [
      "and the pages of files that its group holds",
      {
        ...inGroup,
        ...group("/a/b", "2000000000", 1.9e9, "anon 1\nactive_file 300000000\ninactive_file 600000000\nfile 5"),
      },
      1 * GB,
    ],
    ["nothing, where a group has more than its bound", { ...inGroup, ...group("/a/b", "1000", 5000) }, 0],
    [
      "what the system could free, where no group has a bound",
      { ...inGroup, ...group("/a/b", "max", 5000) },
      8_192_000_000,
    ],
    [
      "by the older groups too",
      {
        ...meminfo,
        "proc/self/cgroup": "5:cpu,memory:/c\n1:name=systemd:/x",
        "sys/fs/cgroup/memory/c/memory.limit_in_bytes": "700000000",
        "sys/fs/cgroup/memory/c/memory.usage_in_bytes": "200000000",
      },
      0.5 * GB,
    ],
    ["of a system that says nothing three quarters", {}, 0.75 * totalmem()],
  ])("is %s", (_, files, bytes) => {
    expect(freeMemoryBytes(system(files))).toBe(bytes);
  });

  it("is something here", () => {
    expect(freeMemoryBytes()).toBeGreaterThan(10e6);
    expect(freeMemoryBytes()).toBeLessThanOrEqual(totalmem());
  });
});
