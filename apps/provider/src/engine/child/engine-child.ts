import { enableCompileCache } from "node:module";
import { Socket } from "node:net";
import { closeInspector, hardenProcess } from "../../posture/hardening.ts";
import { EngineServer } from "./engine-server.ts";
import { leaveWithParent } from "./leave-with-parent.ts";
import { LINE_FD } from "./orders.ts";

/**
 * The program of the engine's process: a model, and the line to the provider. It holds prompts and answers and no
 * key; it is made as hard to read as the provider is, and goes when the provider goes.
 */
const [, , compiledAt] = process.argv;
if (compiledAt !== undefined) enableCompileCache(compiledAt);
closeInspector();
const hardening = hardenProcess();
// A terminal's Ctrl-C and a service manager's SIGTERM reach the whole group. The provider drains, and then closes the line.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
leaveWithParent();

const line = new Socket({ fd: LINE_FD, readable: true, writable: true });
const server = new EngineServer(line, async (options, tell) => {
  // Loaded here, so that the process is hardened before native code runs.
  const { loadLlama } = await import("../llama/llama-load.ts");
  const engine = await loadLlama(options, tell);
  return { engine, facts: { posture: hardening.posture(), ...engine.findings } };
});
await server.over;
await server[Symbol.asyncDispose]();
process.exit(0);
