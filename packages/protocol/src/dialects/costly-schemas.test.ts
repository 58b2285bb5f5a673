import { expect, it } from "vitest";
import { NetworkError } from "../failures.ts";
import type { Endpoint } from "./job.ts";
import { dialects } from "./registry.ts";

const anyOf = (at: number) => ({ anyOf: [{ $ref: `#/$defs/d${at}` }, { $ref: `#/$defs/d${at}` }] });
/** 2^60 ways in 4 KB. */
const costly = {
  type: "object",
  properties: { a: { $ref: "#/$defs/d0" } },
  required: ["a"],
  additionalProperties: false,
  $defs: Object.fromEntries([
    ...Array.from({ length: 60 }, (_, at) => [`d${at}`, anyOf(at + 1)]),
    ["d60", { type: "string" }],
  ]),
};
const chat = { model: "m", messages: [{ role: "user", content: "x" }] };
const responses = { model: "m", input: "x" };
const messages = { ...chat, max_tokens: 9 };

/**
 * Goal: a schema that would stop the machine that compiles it is the caller's fault, by name, wherever it is
 * sent and whether it is owed or not. Method: each place of each dialect.
 */
it.each<[Endpoint, Record<string, unknown>, string]>([
  ...[true, false].map((strict): [Endpoint, Record<string, unknown>, string] => [
    "/v1/chat/completions",
    { ...chat, response_format: { type: "json_schema", json_schema: { name: "f", schema: costly, strict } } },
    "response_format.json_schema.schema",
  ]),
  ...[true, false, undefined].flatMap((strict): [Endpoint, Record<string, unknown>, string][] => [
    [
      "/v1/chat/completions",
      { ...chat, tools: [{ type: "function", function: { name: "f", parameters: costly, strict } }] },
      "tools.0.function.parameters",
    ],
    [
      "/v1/responses",
      { ...responses, tools: [{ type: "function", name: "f", parameters: costly, strict: strict ?? null }] },
      "tools.0.parameters",
    ],
  ]),
  ...[true, false].map((strict): [Endpoint, Record<string, unknown>, string] => [
    "/v1/responses",
    { ...responses, text: { format: { type: "json_schema", name: "f", schema: costly, strict } } },
    "text.format.schema",
  ]),
  ["/v1/messages", { ...messages, tools: [{ name: "f", input_schema: costly }] }, "tools.0.input_schema"],
  ["/v1/messages/count_tokens", { ...chat, tools: [{ name: "f", input_schema: costly }] }, "tools.0.input_schema"],
  [
    "/v1/messages",
    { ...messages, output_config: { format: { type: "json_schema", schema: costly } } },
    "output_config.format.schema",
  ],
])("%s refuses a schema with too many ways: %#", (endpoint, body, param) => {
  let failure: unknown;
  try {
    dialects[endpoint].decode(structuredClone(body));
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    failure = error.failure;
  }
  expect(failure).toMatchObject({ code: "unsupported", param });
});
