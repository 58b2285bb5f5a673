import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";
import { SUPERVISED_VARIABLE } from "./environment.ts";

const stop = join(import.meta.dirname, "stop.ts");
/** A command whose drain takes a second. */
const program = `
  import { listenForStop } from ${JSON.stringify(stop)};
  const running = process.argv[1] === undefined ? undefined : () => Number(process.argv[1]);
  const { asked } = listenForStop(10, running);
  console.log("listening");
  const alive = setInterval(() => undefined, 1000);
  await asked;
  setTimeout(() => clearInterval(alive), 1500);
`;

async function listening(...running: string[]) {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, ...running], {
    stdio: ["ignore", "pipe", "pipe"],
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

/** Goal: nobody is told to wait for nothing. Method: what is said where so many requests run, or where nobody has counted them. */
it.each([
  [[], "Stopping: running requests have up to 10 s to finish"],
  [["2"], "Stopping: 2 requests have up to 10 s to finish"],
  [["1"], "Stopping: 1 request has up to 10 s to finish"],
  [["0"], "Stopping: nothing runs.\n"],
])("says what it waits for: %j", async (running, said) => {
  const child = await listening(...running);
  child.kill("SIGINT");
  const [text] = await once(child.stderr, "data");
  expect(String(text)).toContain(said);
  await once(child, "exit");
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
