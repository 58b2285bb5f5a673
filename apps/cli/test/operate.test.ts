import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { failures } from "@darkbloom/protocol/failures";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { createObserver } from "../../coordinator/src/adapters/observe.ts";
import { Running, temporaryFolder } from "./binary.ts";

const folder = join(import.meta.dirname, "../../../docs/operate");
const page = readFileSync(`${folder}.md`, "utf8");
const run = promisify(execFile);
const hasSystemd = existsSync("/usr/bin/systemd-analyze");

describe("what operators copy", () => {
  it("is named by the page, each file of it", () => {
    for (const name of readdirSync(folder)) expect(page).toContain(`(operate/${name})`);
  });

  /** Goal: no rule waits for a figure or a code that there is not. Method: every name in the rules, beside what the program tells. */
  it("has rules over figures that there are", async () => {
    const rules = parse(readFileSync(join(folder, "alerts.yml"), "utf8")) as {
      groups: { rules: { alert: string; expr: string }[] }[];
    };
    const observer = createObserver({ level: "silent" });
    observer.watchCluster({ isUp: true, peers: 0 });
    const told = await observer.metrics.text();
    const known = new Map(
      [...told.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type = ""]) => [name, type] as const),
    );
    const all = rules.groups.flatMap((group) => group.rules);
    expect(all.length).toBeGreaterThan(10);
    for (const { alert, expr } of all) {
      expect(page).toContain(`\`${alert}\``);
      for (const [name] of expr.matchAll(/\b(?:darkbloom|nodejs|process)_\w+/g)) {
        const metric = name.replace(/_bucket$/, "");
        expect([alert, metric, known.get(metric)]).toEqual([alert, metric, expect.any(String)]);
        // A histogram is asked by its buckets, and a counter by how it grew.
        expect(name.endsWith("_bucket")).toBe(known.get(metric) === "histogram");
        if (known.get(metric) === "counter") expect(expr).toMatch(/\b(?:rate|increase)\(/);
      }
      for (const [, codes = ""] of expr.matchAll(/code=~?"([^"]*)"/g))
        for (const code of codes.split("|")) expect(Object.keys(failures)).toContain(code);
    }
  });

  const unit = readFileSync(join(folder, "darkbloom.service"), "utf8");
  const setting = (name: string): string => new RegExp(`^${name}=(.*)$`, "m").exec(unit)?.[1] ?? "";

  it.skipIf(!hasSystemd)("has a unit that systemd understands and finds little exposed", async () => {
    using scratch = temporaryFolder();
    const copy = join(scratch.path, "darkbloom.service");
    const started = setting("ExecStart").replace("/opt/darkbloom/node_modules/.bin/node", process.execPath);
    writeFileSync(copy, unit.replace(/^ExecStart=.*$/m, `ExecStart=${started}`));
    const { stdout, stderr } = await run("systemd-analyze", ["verify", "--man=no", copy]);
    expect(stdout + stderr).toBe("");
    const { stdout: judged } = await run("systemd-analyze", ["security", "--offline=true", "--no-pager", copy]);
    expect(Number(/Overall exposure level for [^:]*: ([\d.]+)/.exec(judged)?.[1])).toBeLessThan(2);
  });

  it("has a unit whose command line starts a coordinator, and that waits longer than it drains", async () => {
    const [node = "", program = "", ...flags] = setting("ExecStart").split(" ");
    expect([node, program]).toEqual([
      "/opt/darkbloom/node_modules/.bin/node",
      "/opt/darkbloom/apps/cli/bin/darkbloom.js",
    ]);
    using scratch = temporaryFolder();
    const args = flags.map((flag) => (flag === "/var/lib/darkbloom" ? join(scratch.path, "data") : flag));
    await using running = new Running([...args, "--port", "0", "--json"]);
    expect((await running.ready).base_url).toMatch(/^http:/);
    const drainSec = Number(flags[flags.indexOf("--drain-timeout") + 1]);
    expect(drainSec).toBeGreaterThan(0);
    expect(Number(setting("TimeoutStopSec"))).toBeGreaterThan(drainSec);
  });
});
