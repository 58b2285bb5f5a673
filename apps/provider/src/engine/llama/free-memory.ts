import { leastOf } from "@darkbloom/protocol/lists";
import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { dirname, join } from "node:path";

/** Of a system that does not say what it could free; it needs some for itself. */
const SHARE_OF_ALL = 0.75;
/** Groups that a process may be in, one inside the other. */
const GROUPS_DEPTH_MAX = 32;

/**
 * Memory that this process could still take: what the system could free, and no more than its control groups leave it.
 * Pages of files do not count, for they go when memory is needed.
 *
 * @param root for tests: where `/proc` and `/sys` are
 */
export function freeMemoryBytes(root = "/"): number {
  const free = availableIn(textOf(join(root, "proc/meminfo"))) ?? totalmem() * SHARE_OF_ALL;
  return leastOf(groupRooms(root), free);
}

function availableIn(meminfo: string | undefined): number | undefined {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo ?? "")?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

/** What each control group around this process leaves of its bound, of either version. */
function groupRooms(root: string): number[] {
  const groups = textOf(join(root, "proc/self/cgroup")) ?? "";
  const unified = /^0::(\/.*)$/m.exec(groups)?.[1];
  const older = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(\/.*)$/m.exec(groups)?.[1];
  return [
    ...roomsAbove(root, "sys/fs/cgroup", unified, { most: "memory.max", used: "memory.current" }),
    ...roomsAbove(root, "sys/fs/cgroup/memory", older, {
      most: "memory.limit_in_bytes",
      used: "memory.usage_in_bytes",
    }),
  ];
}

function roomsAbove(
  root: string,
  mount: string,
  path: string | undefined,
  files: { readonly most: string; readonly used: string },
): number[] {
  const rooms: number[] = [];
  // In a container the path is the host's, and only the mount itself is there.
  for (let at = path, depth = 0; at !== undefined && depth < GROUPS_DEPTH_MAX; depth++) {
    const folder = join(root, mount, at);
    const most = Number(textOf(join(folder, files.most)) ?? Number.NaN);
    const used = Number(textOf(join(folder, files.used)) ?? Number.NaN);
    if (most >= 0 && used >= 0) rooms.push(Math.max(0, most - used + filePagesIn(textOf(join(folder, "memory.stat")))));
    at = at === "/" ? undefined : dirname(at);
  }
  return rooms;
}

function filePagesIn(stat = ""): number {
  return [...stat.matchAll(/^(?:in)?active_file (\d+)$/gm)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
