import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { uint, withMetadata } from "../../../test/gguf-writer.ts";
import { splitInTwo } from "../../../test/split-gguf.ts";
import { TINY_CONTEXT_TOKENS, TINY_DIMENSIONS, writeTinyEmbedder } from "../../../test/tiny-embedder.ts";
import { inspectModel } from "./inspect-model.ts";
import { loadLlama } from "./llama-load.ts";
import { bundledModelPath } from "./model-file.ts";
import { ModelFileError } from "../../files/weights.ts";

const folder = mkdtempSync(join(tmpdir(), "darkbloom-inspect-"));
afterAll(() => rmSync(folder, { recursive: true }));
const bundled = readFileSync(bundledModelPath);
const TEMPLATE_KEY = "tokenizer.chat_template";

const written = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, `${name}.gguf`);
  writeFileSync(path, bytes);
  return path;
};

/** The bundled model with other bytes, as many, in one place. */
function patched(from: Buffer, to: Buffer): Buffer {
  const at = bundled.indexOf(from);
  if (at < 0 || from.length !== to.length) throw new RangeError("nothing to be put there");
  const bytes = Buffer.from(bundled);
  to.copy(bytes, at);
  return bytes;
}

/** With neither template nor pooling. */
const bare = patched(Buffer.from(TEMPLATE_KEY), Buffer.from("tokenizer.chat_templat3"));

/** With another template, made as long by a comment. */
function withTemplate(template: string): Buffer {
  const at = bundled.indexOf(TEMPLATE_KEY) + TEMPLATE_KEY.length + 4;
  const length = Number(bundled.readBigUInt64LE(at));
  const own = bundled.subarray(at + 8, at + 8 + length);
  return patched(own, Buffer.from(`${template}{#${"-".repeat(length - Buffer.byteLength(template) - 4)}#}`));
}

const ofText = (template: string) => "{% for m in messages %}" + template + "{% endfor %}";

describe("inspecting a model file", () => {
  it("tells what a model can do, and shows a prompt with everything that was said", async () => {
    const found = await inspectModel({ modelPath: bundledModelPath, slots: 2, contextTokens: 1024 });
    expect(found).toMatchObject({
      name: "darkbloom-tiny",
      architecture: "llama",
      parameters: 2_558_400,
      fileBytes: bundled.length,
      tasks: ["generate", "complete"],
      trainedContextTokens: 2048,
      contextTokens: 1024,
      slots: 2,
      templates: ["default"],
      abilities: { system: "anywhere", tools: "native", continues: true },
    });
    const { prompt = "", promptTokens = 0, grammar = "" } = found.sample ?? {};
    for (const said of ["brief", "get_weather", "Oslo", "8 degrees", "Rome"]) expect(prompt).toContain(said);
    expect(promptTokens).toBeGreaterThan(prompt.length / 10);
    expect(promptTokens).toBeLessThan(prompt.length);
    for (const part of ["get_weather", "rain", "summary"]) expect(grammar).toContain(part);
    expect(found.refused).toBeUndefined();
  });

  /** Goal: people see beforehand what a load would ask for. Method: the same figure as the load's own, of each kind of model. */
  it.each([
    { kind: "that talks", pathOf: () => bundledModelPath, isOfSlots: true },
    { kind: "that only goes on with texts", pathOf: () => written("base", bare), isOfSlots: true },
    {
      kind: "that only embeds",
      pathOf: () => {
        const path = join(folder, "embeds-alone.gguf");
        writeTinyEmbedder(path, "mean");
        return path;
      },
      isOfSlots: false,
    },
  ])("says what memory a model $kind would take, as the load does", async ({ pathOf, isOfSlots }) => {
    const options = { modelPath: pathOf(), slots: 2, contextTokens: TINY_CONTEXT_TOKENS };
    const { memoryBytes } = await inspectModel(options);
    await using engine = await loadLlama({ ...options, build: "tiny", threads: 1 });
    expect(memoryBytes).toBe(engine.findings.memory?.neededBytes);
    expect((await inspectModel({ ...options, slots: 8 })).memoryBytes > memoryBytes).toBe(isOfSlots);
  });

  it("offers no more context than a model was trained for", async () => {
    expect((await inspectModel({ modelPath: bundledModelPath })).contextTokens).toBe(2048);
  });

  it("tells of a model in parts, from its first part", async () => {
    const [first, second] = [1, 2].map((part) => join(folder, `tiny-0000${part}-of-00002.gguf`)) as [string, string];
    splitInTwo(bundledModelPath, first, second);
    const found = await inspectModel({ modelPath: first });
    expect(found).toMatchObject({ parameters: 2_558_400, tasks: ["generate", "complete"] });
    expect(found.fileBytes).toBeGreaterThan(bundled.length);
    writeFileSync(second, readFileSync(second).subarray(0, -1000));
    await expect(inspectModel({ modelPath: first })).rejects.toThrow(/truncated/);
    rmSync(second);
    await expect(inspectModel({ modelPath: first })).rejects.toThrow(/is missing: the model is not whole/);
  });

  it("tells of a model that embeds, and of one that talks too", async () => {
    const path = join(folder, "embeds.gguf");
    writeTinyEmbedder(path, "mean");
    const found = await inspectModel({ modelPath: path });
    expect(found).toMatchObject({
      tasks: ["embed"],
      vectorLength: TINY_DIMENSIONS,
      contextTokens: TINY_CONTEXT_TOKENS,
      templates: [],
    });
    expect([found.abilities, found.sample, found.refused]).toEqual([undefined, undefined, undefined]);
    const MEAN = 1;
    const both = written("both", withMetadata(bundled, "llama.pooling_type", uint(MEAN)));
    const talksToo = await inspectModel({ modelPath: both });
    expect(talksToo.tasks).toEqual(["generate", "complete", "embed"]);
    expect(talksToo.abilities?.content).toBe("text");
  });

  it.each([
    { what: "another file", bytes: Buffer.from("Dear reader"), says: /is not a GGUF file/ },
    { what: "nothing", bytes: Buffer.alloc(0), says: /is not a GGUF file/ },
    ...[4, 12, 24, 60, 300, 5_000, 20_000, 32_000].map((length) => ({
      what: `a header cut after ${length} bytes`,
      bytes: bundled.subarray(0, length),
      says: /is truncated|its header is damaged/,
    })),
    {
      what: "weights that were cut",
      bytes: bundled.subarray(0, 1_500_000),
      says: /is truncated.*2757952 bytes.*1500000/,
    },
    { what: "weights of which a little is missing", bytes: bundled.subarray(0, -1), says: /is truncated/ },
  ])("refuses $what by name", async ({ what, bytes, says }) => {
    const modelPath = written(what.replaceAll(" ", "-"), bytes);
    await expect(inspectModel({ modelPath })).rejects.toThrow(ModelFileError);
    await expect(inspectModel({ modelPath })).rejects.toThrow(says);
    await expect(inspectModel({ modelPath })).rejects.toThrow(modelPath);
  });

  it("tells of a model with neither template nor pooling that it goes on with texts alone", async () => {
    const modelPath = written("bare", bare);
    const { tasks, refused, abilities } = await inspectModel({ modelPath });
    expect({ tasks, refused, abilities }).toEqual({ tasks: ["complete"], refused: undefined, abilities: undefined });
    await using engine = await loadLlama({ modelPath, build: "x", slots: 1, threads: 1 });
    expect(engine.model.tasks).toEqual(["complete"]);
    const prompt = await engine.prompt({ messages: [], tools: [], toolChoice: "none", text: "Rain is" });
    expect(prompt.tokens.length).toBeGreaterThan(0);
  });

  /** Goal: the sentence is the one of the load. Method: load each file too. */
  it.each([
    {
      what: "a template that cannot be read",
      bytes: withTemplate("{% for m in messages %}{{ m.content }"),
      says: /its chat template cannot be read/,
    },
    {
      what: "a filter that nobody has",
      bytes: withTemplate(ofText("{{ m.content | shouted }}")),
      says: /uses what is not known here.*shouted/,
    },
    {
      what: "a template that always raises",
      bytes: withTemplate(`{{ raise_exception("ask me nothing") }}`),
      says: /cannot be told one user's message/,
    },
    {
      what: "a template that leaves the message out",
      bytes: withTemplate(ofText("{{ m.role }}")),
      says: /cannot be told one user's message: it leaves the message out/,
    },
  ])("says of $what why it would be refused, in the words of the load", async ({ what, bytes, says }) => {
    const modelPath = written(what.replaceAll(" ", "-"), bytes);
    const { refused, abilities, sample, contextTokens } = await inspectModel({ modelPath });
    expect(refused).toMatch(says);
    expect({ abilities, sample, contextTokens }).toEqual({
      abilities: undefined,
      sample: undefined,
      contextTokens: 2048,
    });
    await expect(loadLlama({ modelPath, build: "x", slots: 1, threads: 1 })).rejects.toThrow(refused ?? "");
  });

  it("says of an architecture that llama.cpp does not know that it is refused", async () => {
    const value = (name: string) => Buffer.concat([Buffer.from([5, 0, 0, 0, 0, 0, 0, 0]), Buffer.from(name)]);
    const modelPath = written("unknown", patched(value("llama"), value("lamla")));
    const { refused, architecture } = await inspectModel({ modelPath });
    expect(architecture).toBe("lamla");
    expect(refused).toMatch(/cannot be served: this llama\.cpp does not know/);
  });
});
