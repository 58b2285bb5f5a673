import { describe, expect, it } from "vitest";
import { type Failure, NetworkError } from "../failures.ts";
import type { Endpoint, Job } from "./job.ts";
import { dialects } from "./registry.ts";

const user = { role: "user", content: "Count." };
const begun = { role: "assistant", content: "One, " };
const schema = { type: "null" };

const job = (endpoint: Endpoint, body: object): Job => dialects[endpoint].decode({ model: "m", ...body }).job;
const ending = ({ messages, continues }: Job) => [messages.length, continues];

function failure(endpoint: Endpoint, body: object): Failure {
  try {
    job(endpoint, body);
  } catch (error) {
    if (error instanceof NetworkError) return error.failure;
    throw error;
  }
  throw new Error("it was taken");
}

/** Goal: what an assistant began is never passed over. Method: each way to say it, and each that it cannot go with. */
describe.each<[Endpoint, (messages: readonly object[]) => object]>([
  ["/v1/chat/completions", (messages) => ({ messages })],
  ["/v1/responses", (input) => ({ input })],
])("a last message of the assistant's by %s", (endpoint, of) => {
  it.each<[string, object[], object, unknown[]]>([
    ["is gone on with where the template can", [user, begun], {}, [2, undefined]],
    ["has to be gone on with", [user, begun], { continue_final_message: true }, [2, true]],
    [
      "has to be, also as vLLM has it",
      [user, begun],
      { continue_final_message: true, add_generation_prompt: false },
      [2, true],
    ],
    ["is answered", [user, begun], { continue_final_message: false }, [2, false]],
    ["is answered, said the other way", [user, begun], { add_generation_prompt: true }, [2, false]],
    ["is answered where a form is asked for", [user, begun], { guided_json: schema }, [2, false]],
    ["is answered where thinking is asked for", [user, begun], { enable_thinking: true }, [2, false]],
    ["is still to come where it has no text", [user, { role: "assistant", content: "" }], {}, [1, undefined]],
    ["is none where a user speaks last", [user], { add_generation_prompt: true }, [1, undefined]],
  ])("%s", (_, messages, more, expected) =>
    expect(ending(job(endpoint, { ...of(messages), ...more }))).toEqual(expected),
  );

  it.each<[string, string, string, object[], object]>([
    ["nothing was begun", "continue_final_message", "body_invalid", [user], { continue_final_message: true }],
    [
      "both",
      "add_generation_prompt",
      "body_invalid",
      [user, begun],
      { continue_final_message: true, add_generation_prompt: true },
    ],
    ["neither", "add_generation_prompt", "unsupported", [user], { add_generation_prompt: false }],
    [
      "a form",
      "continue_final_message",
      "unsupported",
      [user, begun],
      { continue_final_message: true, guided_json: schema },
    ],
    [
      "thinking",
      "continue_final_message",
      "unsupported",
      [user, begun],
      { continue_final_message: true, enable_thinking: true },
    ],
  ])("is not gone on with: %s", (_, param, code, messages, more) =>
    expect(failure(endpoint, { ...of(messages), ...more })).toMatchObject({ code, param }),
  );
});

describe("a last message of the assistant's by /v1/messages", () => {
  const call = { type: "tool_use", id: "c", name: "n", input: {} };
  it.each<[string, unknown, unknown[]]>([
    ["is gone on with", "One, ", [2, true]],
    ["is gone on with, of blocks", [{ type: "text", text: "One, " }], [2, true]],
    ["is still to come where it has no text", "", [1, undefined]],
    ["is still to come where it has no blocks", [], [1, undefined]],
  ])("%s", (_, content, expected) =>
    expect(ending(job("/v1/messages", { messages: [user, { role: "assistant", content }] }))).toEqual(expected),
  );

  it.each<[string, string, object]>([
    ["a form", "unsupported", { output_config: { format: { type: "json_schema", schema } } }],
    ["thinking", "unsupported", { thinking: { type: "adaptive" } }],
  ])("is not gone on with beside %s", (_, code, more) =>
    expect(failure("/v1/messages", { messages: [user, begun], ...more })).toMatchObject({
      code,
      param: "messages.1.role",
    }),
  );

  it("is not gone on with behind a call that has no result", () =>
    expect(failure("/v1/messages", { messages: [user, { role: "assistant", content: [call] }] })).toMatchObject({
      code: "body_invalid",
      param: "messages.1.role",
    }));
});
