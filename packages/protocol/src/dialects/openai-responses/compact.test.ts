import { describe, expect, it } from "vitest";
import { NetworkError } from "../../failures.ts";
import { compactedSchema } from "./compact.ts";
import { openaiCompact, openaiResponses } from "./index.ts";

const conversation = [
  { type: "message", role: "system", content: "Be brief." },
  { type: "message", role: "user", content: "We launch on Tuesday." },
  { type: "function_call", call_id: "c", name: "note", arguments: "{}" },
  { type: "function_call_output", call_id: "c", output: "noted" },
  { type: "message", role: "assistant", content: "Tuesday it is." },
];
const usage = { promptTokens: 7, cachedTokens: 0, completionTokens: 5, reasoningTokens: 2 };

function compacted(body: object, said: readonly string[] = ["They launch", " on Tuesday."]) {
  const { renderer: of } = openaiCompact.decode({ model: "m", ...body });
  const renderer = of({ jobId: "job_1", createdSec: 9, nowSec: () => 9 });
  const text = [
    renderer.begin({ promptTokens: 7, cachedTokens: 0 }),
    renderer.delta({ kind: "thought", text: "hm" }, 0),
    ...said.map((words) => renderer.delta({ kind: "said", text: words }, 0)),
    renderer.finish({ reason: "stop" }, 0),
    renderer.end(usage),
  ].join("");
  return compactedSchema.parse(JSON.parse(text));
}
const failureOf = (body: object) => {
  try {
    openaiCompact.decode({ model: "m", input: "x", ...body });
  } catch (error) {
    if (error instanceof NetworkError) return error.failure;
    throw error;
  }
  throw new Error("it was taken");
};

describe("a conversation that is compacted", () => {
  it("is summed up by the model, which is told all of it and offered no tools", () => {
    const tools = [{ type: "function", name: "note", parameters: { type: "object", properties: {} } }];
    const { job } = openaiCompact.decode({ model: "m", instructions: "Sum up.", input: conversation, tools });
    expect(job.messages.map(({ role }) => role)).toEqual([
      "system",
      "system",
      "user",
      "assistant",
      "tool",
      "assistant",
      "user",
    ]);
    expect(job.messages.at(-1)?.text).toMatch(/^Sum up this conversation/);
    expect(job).toMatchObject({ endpoint: "/v1/responses/compact", stream: false, tools: [], toolChoice: "none" });
    expect(job.continues).toBeUndefined();
  });

  it("becomes its user's messages and one item, and says what it cost", () => {
    const told = compacted({ input: conversation });
    expect(told).toMatchObject({
      id: "resp_1",
      object: "response.compaction",
      created_at: 9,
      output: [
        { type: "message", role: "user", content: [{ type: "input_text", text: "We launch on Tuesday." }] },
        { type: "compaction", id: "cmp_1" },
      ],
      usage: { input_tokens: 7, output_tokens: 5, total_tokens: 12, output_tokens_details: { reasoning_tokens: 2 } },
    });
  });

  it("goes on: what came of it is taken as input, and compacted again keeps no summary twice", () => {
    const { output } = compacted({ input: conversation });
    const input = [...output, { role: "user", content: "And then?" }];
    const { job } = openaiResponses.decode({ model: "m", input });
    expect(job.messages).toEqual([
      { role: "user", text: "We launch on Tuesday." },
      { role: "user", text: "Summary of the conversation up to here:\n\nThey launch on Tuesday." },
      { role: "user", text: "And then?" },
    ]);
    const again = compacted({ input }, ["Still Tuesday."]);
    expect(again.output.map((item) => (item.type === "message" ? item.content[0]?.text : item.type))).toEqual([
      "We launch on Tuesday.",
      "And then?",
      "compaction",
    ]);
  });

  it("may be one text, and be summed up in no words", () => {
    expect(compacted({ input: "Hello." }, []).output).toMatchObject([
      { content: [{ text: "Hello." }] },
      { type: "compaction" },
    ]);
  });

  it.each<[what: object, code: string, param: string]>([
    [{ model: undefined }, "body_invalid", "model"],
    [{ input: undefined }, "body_invalid", "input"],
    [{ input: [] }, "body_invalid", "input"],
    [{ input: [{ type: "unheard_of" }] }, "body_invalid", "input.0.type"],
    [{ stream: true }, "unsupported", "stream"],
    [{ type: "response.create" }, "unsupported", "type"],
    [{ text: { format: { type: "text" } } }, "unsupported", "text"],
    [{ previous_response_id: "resp_1" }, "unsupported", "previous_response_id"],
    [{ input: [{ type: "compaction", encrypted_content: "gAAAA" }] }, "body_invalid", "input.0.encrypted_content"],
    [{ input: [{ type: "compaction", encrypted_content: "eA==" }] }, "body_invalid", "input.0.encrypted_content"],
    [{ input: [{ type: "compaction" }] }, "body_invalid", "input.0.encrypted_content"],
    [{ input: [{ type: "compaction_trigger" }] }, "unsupported", "input.0.type"],
  ])("is refused by name: %o", (more, code, param) => {
    expect(failureOf(more)).toMatchObject({ code, param });
  });
});
