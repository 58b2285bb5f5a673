import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { darkbloom, temporaryFolder } from "./binary.ts";

describe.concurrent("models inspect", () => {
  it("shows people what a model can do, and one of its prompts", async () => {
    const { code, stdout, stderr } = await darkbloom(["models", "inspect", "darkbloom-tiny"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^context +trained for 2048 tokens; would offer 2048$/m);
    expect(stdout).toMatch(/^system messages +in any place$/m);
    expect(stdout).toMatch(/^a call +"\{\\"name\\": \\"NAME\\"/m);
    expect(stdout).toContain("Will it rain in Oslo?");
  });

  it("tells programs the same in one line", async () => {
    const { code, stdout } = await darkbloom(["models", "inspect", "darkbloom-tiny", "--context", "512", "--json"]);
    expect(code).toBe(0);
    expect(stdout.trimEnd()).not.toContain("\n");
    const { abilities, sample, ...facts } = JSON.parse(stdout) as Record<string, Record<string, unknown>>;
    expect(facts).toMatchObject({
      model: "darkbloom-tiny",
      tasks: ["generate", "complete"],
      context_tokens: 512,
      slots: 4,
    });
    expect(abilities).toMatchObject({ system: "anywhere", assistant_may_begin: true, calls: { per_turn: "many" } });
    expect(Object.keys(sample ?? {})).toEqual(["prompt", "prompt_tokens", "grammar"]);
  });

  it("fails with a sentence for a file that is no model, and names what is missing", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "letter.gguf");
    writeFileSync(path, "Dear reader");
    for (const [args, code, says] of [
      [[path], 1, `${path} is not a GGUF file`],
      [["/nowhere.gguf"], 2, "FILE must be a GGUF file that this user can read"],
      [[], 2, "missing required argument 'FILE'"],
    ] as const) {
      const ended = await darkbloom(["models", "inspect", ...args, "--json"]);
      expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: "" });
      expect(ended.stderr).toContain(says);
    }
  });
});
