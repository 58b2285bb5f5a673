import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { registrationBlob } from "@darkbloom/protocol";
import { describeMachine, readPosture } from "./machine.ts";

const module = fileURLToPath(new URL("hardening.ts", import.meta.url));

/** Runs a Node of its own, since this one's inspector and signals belong to the test runner. */
function inProcess(flags: readonly string[], body: string): string {
  const script = `import { closeInspector } from ${JSON.stringify(module)};
    import { url } from "node:inspector";
    ${body}`;
  const { stdout } = spawnSync(process.execPath, [...flags, "--input-type=module", "--eval", script], {
    encoding: "utf8",
    env: {},
  });
  return stdout.trim();
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

it("describes this machine in the bounds of the blob", () => {
  const shape = registrationBlob.pick({
    chip_name: true,
    hardware_model: true,
    platform: true,
    os_version: true,
    memory_bytes: true,
    posture: true,
  });
  expect(shape.safeParse({ ...describeMachine(), posture: readPosture() }).success).toBe(true);
});
