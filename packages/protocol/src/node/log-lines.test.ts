import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LOG_RETRY_MS, LOG_WAITING_BYTES_MAX, LogLines } from "./log-lines.ts";

const root = mkdtempSync(join(tmpdir(), "log-"));
afterAll(() => rmSync(root, { recursive: true }));

/** A log that takes so many bytes and then fails, until it is given room. */
function logOf(room: number) {
  const log = { room, taken: "", calls: 0 };
  const lines = new LogLines((bytes) => {
    log.calls++;
    if (log.room === 0) throw new Error("ENOSPC");
    const part = bytes.subarray(0, log.room);
    log.room -= part.length;
    log.taken += Buffer.from(part).toString();
    return part.length;
  });
  return { log, lines };
}

describe("log lines", () => {
  beforeEach(() => void vi.useFakeTimers({ now: 0 }));
  afterEach(() => void vi.useRealTimers());

  /** Goal: what is taken is taken at once and in order. Method: two lines; nothing is left to do. */
  it("are written as they come", () => {
    const { log, lines } = logOf(Infinity);
    lines.write("a\n");
    lines.write("é\n");
    expect([log.taken, log.calls, vi.getTimerCount()]).toEqual(["a\né\n", 2, 0]);
  });

  /** Goal: a full disk ends nothing, and nothing is torn or out of order. Method: room in the middle of a line, none, then some, then all. */
  it("wait where they are not taken", () => {
    const { log, lines } = logOf(3);
    lines.write("ab\n");
    lines.write("cd\n");
    lines.write("ef\n");
    lines.write("gh\n");
    // One call failed; after it nobody asks until the timer does.
    expect([log.taken, log.calls, vi.getTimerCount()]).toEqual(["ab\n", 2, 1]);
    log.room = 4;
    vi.advanceTimersByTime(LOG_RETRY_MS);
    expect([log.taken, vi.getTimerCount()]).toEqual(["ab\ncd\ne", 1]);
    log.room = Infinity;
    vi.advanceTimersByTime(LOG_RETRY_MS - 1);
    expect(log.taken).toBe("ab\ncd\ne");
    vi.advanceTimersByTime(1);
    expect([log.taken, vi.getTimerCount()]).toEqual(["ab\ncd\nef\ngh\n", 0]);
    lines.write("ij\n");
    expect(log.taken).toBe("ab\ncd\nef\ngh\nij\n");
  });

  /** Goal: no memory is filled, and a gap says so. Method: lines up to the bound and two more; then room, and a second gap. */
  it("are lost beyond the bound, and counted", () => {
    const { log, lines } = logOf(0);
    const half = `${"x".repeat(LOG_WAITING_BYTES_MAX / 2 - 1)}\n`;
    for (let gap = 1; gap <= 2; gap++) {
      log.room = 0;
      log.taken = "";
      for (let n = 0; n < 2 + gap; n++) lines.write(half);
      log.room = Infinity;
      vi.advanceTimersByTime(LOG_RETRY_MS);
      const told = `{"level":40,"time":${gap * LOG_RETRY_MS},"event":"log_lines_lost","lines":${gap}}\n`;
      expect(log.taken === half + half + told, log.taken.slice(-200)).toBe(true);
      lines.write("next\n");
      expect(log.taken.endsWith(`${told}next\n`)).toBe(true);
    }
  });

  /** Goal: what can be written at the end is written. Method: end while a line waits, with room again; once only. */
  it("are tried once more at the end", () => {
    const { log, lines } = logOf(0);
    const before = process.listenerCount("exit");
    lines.write("last\n");
    expect(process.listenerCount("exit")).toBe(before + 1);
    log.room = Infinity;
    (process.listeners("exit").at(-1) as () => void)();
    expect(log.taken).toBe("last\n");
    vi.advanceTimersByTime(LOG_RETRY_MS);
    expect([process.listenerCount("exit"), vi.getTimerCount(), log.taken]).toEqual([before, 0, "last\n"]);
  });
});

const module = new URL("./log-lines.ts", import.meta.url).href;
/** Logs, goes on, and says that it got there. */
const program = `
  process.stderr.on("error", () => undefined);
  const { LogLines } = await import(${JSON.stringify(module)});
  const log = new LogLines();
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (let n = 0; n < 2_000; n++) log.write("x".repeat(99) + "\\n");
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.stdout.write("served on");
`;
const nodeArgs = ["--input-type=module", "-e"];

describe("a program that logs", () => {
  /** Goal: a full disk stops nobody. Method: the device that is always full; an end by itself and one by exit. */
  it.skipIf(!existsSync("/dev/full")).each(["", "process.exit(0);"])("to a full device goes on: %j", (end) => {
    const full = openSync("/dev/full", "w");
    const { stdout, status } = spawnSync(process.execPath, [...nodeArgs, program + end], {
      stdio: ["ignore", "pipe", full],
      encoding: "utf8",
    });
    closeSync(full);
    expect([stdout, status]).toEqual(["served on", 0]);
  });

  /** Goal: whoever reads the log may go away. Method: a pipe whose reader has ended. */
  it("to a closed pipe goes on", () => {
    const shell = `{ "$0" --input-type=module -e "$1" 2>&1 >&3 | true; } 3>&1`;
    expect(spawnSync("bash", ["-c", shell, process.execPath, program], { encoding: "utf8" }).stdout).toBe("served on");
  });

  /** Goal: whoever reads the log may stand still, and gets all of it later. Method: a pipe that is read only after the program got there. */
  it("to a pipe that nobody reads goes on", async () => {
    const child = spawn(process.execPath, [...nodeArgs, `${program} process.stdin.resume();`], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    expect(String(said)).toBe("served on");
    let heard = 0;
    child.stderr.on("data", (bytes: Buffer) => (heard += bytes.length));
    await vi.waitFor(() => expect(heard).toBe(200_000), { timeout: 20_000, interval: 50 });
    const ended = once(child, "exit");
    child.stdin.end("end\n");
    expect(await ended).toEqual([0, null]);
  });

  /** Goal: a real disk that has room again gets what waited. Method: a small file system, filled up and emptied. */
  it.skipIf(!canMount())("to a small disk writes on once there is room", async () => {
    const disk = mkdtempSync(join(root, "disk-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]);
    try {
      const log = openSync(join(disk, "log"), "a");
      const filler = openSync(join(disk, "filler"), "w");
      expect(() => {
        for (;;) writeSync(filler, Buffer.alloc(4096));
      }).toThrow(/ENOSPC/);
      const lines = new LogLines((bytes) => writeSync(log, bytes));
      lines.write("one\n");
      lines.write("two\n");
      expect(readFileSync(join(disk, "log"), "utf8")).toBe("");
      rmSync(join(disk, "filler"));
      closeSync(filler);
      await vi.waitFor(() => expect(readFileSync(join(disk, "log"), "utf8")).toBe("one\ntwo\n"), { timeout: 10_000 });
      closeSync(log);
    } finally {
      execFileSync("umount", [disk]);
    }
  });
});

function canMount(): boolean {
  if (process.platform !== "linux" || process.geteuid?.() !== 0) return false;
  const at = mkdtempSync(join(root, "try-"));
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", at]).status !== 0) return false;
  return spawnSync("umount", [at]).status === 0;
}
