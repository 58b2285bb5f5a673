import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { SUPERVISED_VARIABLE } from "./environment.ts";
import { STOP_WORD } from "./stop.ts";

const stop = join(import.meta.dirname, "stop.ts");
/** A command whose drain takes a second. */
const program = `
  import { listenForStop } from ${JSON.stringify(stop)};
  const given = process.argv[1];
  const running = given === undefined || given === "a child says it" ? given : () => Number(given);
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
  const [chunk] = await once(child.stderr, "data");
  expect(String(chunk)).toContain(said);
  await once(child, "exit");
});

/** Goal: whoever started others is told once what runs, by the one that has counted it. Method: the word of a parent to a child that counts, and to one that does not; and a signal to a parent. */
it.each([
  ["3", "Stopping: 3 requests have up to 10 s to finish"],
  ["0", "Stopping: nothing runs.\n"],
  [undefined, ""],
])("is said by a child that knows: %s", { timeout: 30_000 }, async (running, said) => {
  const child = spawn(
    process.execPath,
    ["--input-type=module", "-e", program, ...(running === undefined ? [] : [running])],
    { stdio: ["ignore", "pipe", "pipe", "ipc"], env: { ...process.env, [SUPERVISED_VARIABLE]: "1" } },
  );
  if (!child.stdout || !child.stderr) throw new Error("the child has no pipes");
  const stderr = text(child.stderr);
  await once(child.stdout, "data");
  child.send(STOP_WORD, () => child.disconnect());
  await once(child, "exit");
  expect(await stderr).toMatch(said === "" ? /^$/ : said);
});
it("is not said by a parent whose child knows", async () => {
  const child = await listening("a child says it");
  const stderr = text(child.stderr);
  child.kill("SIGINT");
  await once(child, "exit");
  expect(await stderr).toBe("");
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
