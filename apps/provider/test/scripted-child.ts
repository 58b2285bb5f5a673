import { systemClock } from "@darkbloom/protocol/node";
import { Socket } from "node:net";
import { EngineServer } from "../src/engine/child/engine-server.ts";
import { leaveWithParent } from "../src/engine/child/leave-with-parent.ts";
import { LINE_FD } from "../src/engine/child/orders.ts";
import type { Prompt } from "../src/inference/engine.ts";
import { ScriptedEngine } from "../src/engine/scripted-engine.ts";
import { ModelFileError } from "../src/files/weights.ts";

/**
 * A process as the engine's is, with a scripted model that does what the last message says: so that a test can have
 * one that hangs, swells or crashes. The name of the build says how loading goes.
 */
const kept: Uint8Array[] = [];
const words = Array.from({ length: 40 }, (_, at) => ` w${at}`);

class Misbehaving extends ScriptedEngine {
  readonly #prompts = new Map<string, Prompt>();

  override async prompt(job: Parameters<ScriptedEngine["prompt"]>[0]) {
    const asked = job.messages.at(-1)?.text ?? "";
    if (asked === "hang") for (;;);
    if (asked === "exit") process.exit(7);
    if (asked === "swell") for (let at = 0; at < 512; at++) kept.push(Buffer.alloc(1024 * 1024, at));
    const prompt = await super.prompt(job);
    this.#prompts.set(prompt.tokens.join(), prompt);
    return prompt;
  }

  /** It knows its prompts by the very object, and here they come back as a copy. */
  override run(prompt: Prompt, ...rest: RestOf<ScriptedEngine["run"]>) {
    return super.run(this.#prompts.get(prompt.tokens.join()) ?? prompt, ...rest);
  }
}

type RestOf<Method> = Method extends (first: never, ...rest: infer Rest) => unknown ? Rest : never;

leaveWithParent();

const line = new Socket({ fd: LINE_FD, readable: true, writable: true });
const server = new EngineServer(line, async ({ build, slots = 2 }, tell) => {
  tell({ step: "loading", done: 1 });
  if (build === "missing") throw new ModelFileError("There is no such model.");
  if (build === "crash") process.exit(3);
  const engine = new Misbehaving({
    clock: systemClock,
    slots,
    model: { build },
    script: (messages) => ({
      pieces: words,
      ...(messages.at(-1)?.text === "long" && { reads: { everyMs: 150, tokens: 10, times: 6 } }),
      tokenMs: messages.at(-1)?.text === "slow" ? 200 : 0,
      ...(messages.at(-1)?.text === "fail" && { failAfter: 2 }),
    }),
  });
  return { engine, facts: { posture: [] } };
});
await server.over;
await server[Symbol.asyncDispose]();
process.exit(0);
