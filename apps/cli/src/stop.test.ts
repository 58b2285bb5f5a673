import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";
import { SUPERVISED_VARIABLE } from "./environment.ts";

const stop = join(import.meta.dirname, "stop.ts");
/** A command whose drain takes a second. */
const program = `
  import { listenForStop } from ${JSON.stringify(stop)};
  const { asked } = listenForStop(10);
  console.log("listening");
  const alive = setInterval(() => undefined, 1000);
  await asked;
  setTimeout(() => clearInterval(alive), 1500);
`;

async function listening() {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  return child;
}

/** Goal: what npm passes on is not taken for a second press. Method: two signals at once. */
it("takes a doubled signal for one press", async () => {
  const child = await listening();
  child.kill("SIGINT");
  child.kill("SIGINT");
  expect(await once(child, "exit")).toEqual([0, null]);
});

/** Goal: the second press forces. Method: press again in the middle of the drain. */
it("ends at once at the second press", async () => {
  const child = await listening();
  child.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 700));
  child.kill("SIGINT");
  expect(await once(child, "exit")).toEqual([1, null]);
});

/** Goal: a child whose parent died ends, whatever holds it. Method: one that never comes to its end, and the channel closed. */
it("ends soon when its parent is gone", { timeout: 30_000 }, async () => {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program.replace("1500", "1e9")], {
    stdio: ["ignore", "pipe", "ignore", "ipc"],
    env: { ...process.env, [SUPERVISED_VARIABLE]: "1" },
  });
  if (child.stdout) await once(child.stdout, "data");
  child.disconnect();
  expect(await once(child, "exit")).toEqual([1, null]);
});
