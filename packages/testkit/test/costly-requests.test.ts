import { expect, it } from "vitest";
import { Folder, post, Program, type Ready } from "./running.ts";

/** A network of processes with a model, on a machine that is seldom idle. */
const SLOW_MS = 120_000;
/** In which the network has answered the next request. A short one takes some tens of milliseconds. */
const ANSWER_MS_MAX = 1_000;

const short = { messages: [{ role: "user", content: "Hello" }], max_tokens: 4 };

/** How long a short request takes. @throws where it is not answered */
async function answersIn(network: Ready): Promise<number> {
  const startedAt = performance.now();
  const response = await post(network, { model: network.model, ...short });
  await response.text();
  expect(response.status).toBe(200);
  return performance.now() - startedAt;
}

const twice = (at: number) => ({ anyOf: [{ $ref: `#/$defs/d${at}` }, { $ref: `#/$defs/d${at}` }] });
const schema = {
  type: "object",
  properties: { a: { $ref: "#/$defs/d0" } },
  required: ["a"],
  additionalProperties: false,
  $defs: Object.fromEntries([
    ...Array.from({ length: 60 }, (_, at) => [`d${at}`, twice(at + 1)]),
    ["d60", { type: "string" }],
  ]),
};
/** Each level is written in two ways that only its end tells apart: what is forced open holds 2^level readings. */
const nested = (level: number): object =>
  level === 0
    ? { type: "string" }
    : {
        anyOf: [1, 2].map((b) => ({
          type: "object",
          properties: { a: { $ref: `#/$defs/n${level - 1}` }, b: { const: b } },
          required: ["a", "b"],
          additionalProperties: false,
        })),
      };
const growing = {
  ...nested(40),
  $defs: Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`n${at}`, nested(at)])),
};

const format = (of: object) => ({
  response_format: { type: "json_schema", json_schema: { name: "f", schema: of, strict: true } },
});
const tool = (of: object) => ({
  tools: [{ type: "function", function: { name: "f", parameters: of } }],
  tool_choice: "required",
});

/**
 * Goal: no request, however small or large, takes a machine from the others. Method: the real program; schemas with
 * more ways than can be followed and prompts that no model could read, many at once; then somebody else asks.
 */
it("answers the next request within a second of one that would stop a machine", { timeout: SLOW_MS }, async () => {
  using folder = new Folder();
  await using program = new Program(["up", "--port", "0", "--data", folder.path]);
  const network = await program.ready;
  await answersIn(network);

  const long = "a".repeat(15_000_000);
  const attacks: readonly (readonly [count: number, body: object])[] = [
    [3, format(schema)],
    [3, tool(schema)],
    [3, format(growing)],
    [3, tool(growing)],
    [12, { messages: [{ role: "user", content: long }] }],
  ];
  for (const [count, more] of attacks) {
    const text = JSON.stringify({ model: network.model, ...short, ...more });
    const answers = await Promise.all(Array.from({ length: count }, () => post(network, text)));
    expect(await Promise.all(answers.map(async (answer) => (await answer.text(), answer.status)))).toEqual(
      Array.from({ length: count }, () => 400),
    );
    expect(await answersIn(network)).toBeLessThan(ANSWER_MS_MAX);
  }
  expect(program.printed).not.toMatch(/starts again|lost|bug/);
});
