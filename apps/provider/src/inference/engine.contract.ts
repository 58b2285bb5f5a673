import { describe, expect, it } from "vitest";
import { EngineRefusal, type Engine, type Prompt } from "./engine.ts";

const said = { temperature: 0, topP: 1, stop: [], seed: 7, maxTokens: 24 };

async function all(
  engine: Engine,
  prompt: Prompt,
  sampling: Parameters<Engine["run"]>[1],
  signal = new AbortController().signal,
) {
  const run = engine.run(prompt, sampling, signal);
  let text = "";
  for (;;) {
    const step = await run.next();
    if (step.done) return { text, ...step.value };
    text += step.value.text;
  }
}

/** What any engine must do. `open` gives one that answers the question below with at least eight tokens. */
export function engineContract(name: string, open: () => Promise<Engine>): void {
  describe(`engine contract: ${name}`, () => {
    const messages = [{ role: "user" as const, text: "What is rain?" }];

    it("ends by itself, and counts the token that ends the turn", async () => {
      await using engine = await open();
      const { text, finish, completionTokens } = await all(engine, engine.prompt(messages), {
        ...said,
        maxTokens: 500,
      });
      expect(finish).toBe("stop");
      expect(text).not.toBe("");
      expect(completionTokens).toBeGreaterThan(8);
    });

    it("stops at its bound", async () => {
      await using engine = await open();
      const { finish, completionTokens } = await all(engine, engine.prompt(messages), { ...said, maxTokens: 3 });
      expect({ finish, completionTokens }).toEqual({ finish: "length", completionTokens: 3 });
    });

    it("says the same for the same seed", async () => {
      await using engine = await open();
      const drawn = { ...said, temperature: 1 };
      const once = await all(engine, engine.prompt(messages), drawn);
      expect(await all(engine, engine.prompt(messages), drawn)).toEqual(once);
    });

    /** Goal: a cancel is heard between tokens and frees the slot. Method: cancel every slot's run, then use them all again. */
    it("is cancelled between tokens", async () => {
      await using engine = await open();
      for (let slot = 0; slot < engine.slots; slot++) {
        const cancel = new AbortController();
        const run = engine.run(engine.prompt(messages), said, cancel.signal);
        expect((await run.next()).done).toBe(false);
        cancel.abort(new Error("enough"));
        await expect(run.next()).rejects.toThrow("enough");
      }
      await expect(all(engine, engine.prompt(messages), said)).resolves.toMatchObject({ completionTokens: 24 });
    });

    it("runs more than it has slots, one after another", async () => {
      await using engine = await open();
      const alone = await all(engine, engine.prompt(messages), said);
      const many = Array.from({ length: engine.slots + 2 }, () => all(engine, engine.prompt(messages), said));
      for (const one of await Promise.all(many)) expect(one).toEqual(alone);
    });

    it("refuses a prompt that fills its context", async () => {
      await using engine = await open();
      const prompt = engine.prompt([{ role: "user", text: "word ".repeat(engine.model.contextTokens) }]);
      await expect(all(engine, prompt, said)).rejects.toBeInstanceOf(EngineRefusal);
    });
  });
}
