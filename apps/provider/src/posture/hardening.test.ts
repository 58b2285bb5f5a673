import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { registrationBlob } from "@darkbloom/protocol/wire";
import { notHardened } from "./hardening.ts";
import { readMachine } from "./machine.ts";
import { postureWords } from "./posture.ts";

const module = fileURLToPath(new URL("hardening.ts", import.meta.url));

/** Runs a Node of its own, since this one's inspector and signals belong to the test runner. */
function inProcess(
  flags: readonly string[],
  body: string,
  how: { env?: Record<string, string>; uid?: number } = {},
): string {
  const script = `import { closeInspector, hardenProcess } from ${JSON.stringify(module)};
    import { url } from "node:inspector";
    ${body}`;
  const { stdout } = spawnSync(process.execPath, [...flags, "--input-type=module", "--eval", script], {
    encoding: "utf8",
    env: {},
    ...how,
  });
  // Null where there is nothing to run.
  return (stdout ?? "").trim();
}

/** Goal: a signal that any process of this user can send does not open the process to it. Method: send it, with and without us. */
it("leaves the inspector closed when SIGUSR1 asks for it", () => {
  const ask =
    'process.kill(process.pid, "SIGUSR1"); setTimeout(() => { console.log(url() ?? "closed"); process.exit() }, 200);';
  expect(inProcess([], `closeInspector(); ${ask}`)).toBe("closed");
  expect(inProcess(["--inspect-port=0"], ask)).toMatch(/^ws:/);
});

it("refuses to start with the inspector open", () => {
  const said = inProcess(["--inspect=0"], "try { closeInspector() } catch (error) { console.log(error.name) }");
  expect(said).toBe("NotHardenedError");
});

it("describes this machine in the bounds of the blob", async () => {
  const shape = registrationBlob.pick({
    chip_name: true,
    hardware_model: true,
    platform: true,
    os_version: true,
    memory_bytes: true,
    posture: true,
  });
  const machine = await readMachine();
  const posture = postureWords([...machine.posture, ...notHardened.posture()]);
  expect(shape.safeParse({ ...machine.described, posture }).success).toBe(true);
});

/** Reads a hardened process's own view of itself, and what the kernel shows of it. */
const LOOK = `
  import { readFileSync, statSync } from "node:fs";
  const posture = Object.fromEntries(hardenProcess().posture().map(({ name, status }) => [name, status]));
  const limits = readFileSync("/proc/self/limits", "utf8");
  const core = /^Max core file size +(\\S+) +(\\S+)/m.exec(limits).slice(1, 3).join(" ");
  console.log(JSON.stringify({ posture, core, owner: statSync("/proc/self/mem").uid, env: Object.keys(process.env) }));`;
const look = (flags: readonly string[], how: { env?: Record<string, string>; uid?: number }) =>
  JSON.parse(inProcess(flags, LOOK, how)) as {
    posture: Record<string, string>;
    core: string;
    owner: number;
    env: string[];
  };

/** Files in `/proc` of a process that is not dumpable belong to root; only somebody else can see that. */
const asNobody = process.getuid?.() === 0 ? { uid: 65_534 } : {};
/** That user cannot run a Node, or read a repository, which lies in a folder of root's own. */
const canLook = process.platform === "linux" && inProcess([], 'console.log("yes")', asNobody) === "yes";
const hasFfi = (() => process.versions.node.split(".").map(Number) as [number, number])();
const callsNatively = hasFfi[0] > 26 || (hasFfi[0] === 26 && hasFfi[1] >= 1);

/**
 * Goal: what the posture claims is what the kernel shows. Method: harden a process of another user than
 * root, and read its limits and the owner of its memory.
 */
it.runIf(canLook && callsNatively)("takes core dumps and memory from everybody but root", () => {
  const { posture, core, owner, env } = look([], {
    ...asNobody,
    env: { PATH: "/usr/bin:/bin", DARKBLOOM_TOKEN: "secret", DARKBLOOM_DATA: "x" },
  });
  expect(posture).toEqual({
    core_dumps_off: "pass",
    not_dumpable: "pass",
    inspector_closed: "pass",
    environment_clean: "pass",
  });
  expect({ core, owner }).toEqual({ core: "1 1", owner: 0 });
  expect(env.toSorted()).toEqual(["DARKBLOOM_DATA", "PATH"]);
});

/** Goal: an older Node does what it can, and the posture admits the rest. Method: the same without native calls. */
it.runIf(canLook && existsSync("/usr/bin/prlimit"))("does with less where Node makes no native calls", () => {
  const flags = callsNatively ? ["--no-experimental-ffi"] : [];
  const { posture, core, owner } = look(flags, asNobody);
  expect(posture).toMatchObject({ not_dumpable: "fail", core_dumps_off: "pass" });
  expect(core).toBe("1 1");
  expect(owner).not.toBe(0);
});

/** Goal: a crash leaves no memory behind. Method: crash a hardened process that was started with dumps on. */
it.runIf(process.platform === "linux")("leaves no core file", () => {
  const cwd = mkdtempSync(join(tmpdir(), "darkbloom-crash-"));
  const script = `const { hardenProcess } = await import(${JSON.stringify(module)}); hardenProcess(); process.abort();`;
  const crash = [
    "-c",
    'ulimit -S -c unlimited; exec "$@"',
    "sh",
    process.execPath,
    "--input-type=module",
    "-e",
    script,
  ];
  expect(spawnSync("/bin/sh", crash, { cwd, stdio: "ignore" }).signal).toBe("SIGABRT");
  expect(readdirSync(cwd)).toEqual([]);
  rmSync(cwd, { recursive: true });
});

/**
 * Goal: a start that may have loaded foreign code, or that left secrets with the kernel, is not called clean. Method:
 * NODE_OPTIONS with a harmless flag, and a secret, whose name stays out of the sentence.
 */
it.each([
  [{ NODE_OPTIONS: "--no-deprecation" }, "fail started with NODE_OPTIONS []"],
  [
    { OPENAI_API_KEY: "secret" },
    "fail started with 1 variables that a provider does not need, which the kernel keeps []",
  ],
  [{ LANG: "C" }, "pass started with nothing in its environment that a provider does not need [ 'LANG' ]"],
])("tells what its environment was: %j", (env: Record<string, string>, says) => {
  const said = inProcess(
    [],
    `const entry = hardenProcess().posture().find(({ name }) => name === "environment_clean");
    console.log(entry.status, entry.seen, Object.keys(process.env))`,
    { env },
  );
  expect(said).toBe(says);
});
