import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { endpoints } from "./job.ts";
import { dialects } from "./registry.ts";
import { withoutEffect } from "./without-effect.ts";

const docs = readFileSync(new URL("../../../../docs/clients.md", import.meta.url), "utf8");
const prompt = { messages: [{ role: "user", content: "hi" }], input: "hi", prompt: "hi" };
/** Values of these fields as programs send them. */
const sent: Readonly<Record<string, unknown>> = {
  metadata: { user_id: "u" },
  store: false,
  max_tool_calls: 3,
  usage: { include: true },
  cache_prompt: true,
  diagnostics: {},
  cache_control: { type: "ephemeral" },
  return_tokens_as_token_ids: true,
  "stream_options.include_obfuscation": true,
};

describe.each(endpoints)("fields without effect of %s", (endpoint) => {
  const taken = (fields: object) => {
    const { messages, input, prompt: text } = prompt;
    const own =
      endpoint.startsWith("/v1/messages") || endpoint.includes("chat") ? { messages } : { input, prompt: text };
    const body = endpoint.startsWith("/v1/responses")
      ? { input }
      : endpoint === "/v1/completions"
        ? { prompt: text }
        : own;
    return dialects[endpoint].decode({
      model: "m",
      stream: !["/v1/messages/count_tokens", "/v1/embeddings", "/v1/responses/compact"].includes(endpoint),
      ...body,
      ...fields,
    });
  };
  const facts = { jobId: "job_1", createdSec: 0, nowSec: () => 0 };

  it("stand in the documents, and no others do", () => {
    const row = docs.split("\n").find((line) => line.startsWith(`| \`${endpoint}\` | `)) ?? "";
    const [, , fields = ""] = row.split("|");
    expect([...fields.matchAll(/`([^`]+)`/g)].map(([, name]) => name)).toEqual(withoutEffect[endpoint]);
  });

  for (const name of withoutEffect[endpoint])
    it(`change nothing: ${name}`, () => {
      const value = sent[name] ?? "x";
      const [outer = "", inner] = name.split(".");
      const { job, renderer } = taken({ [outer]: inner === undefined ? value : { [inner]: value } });
      expect(job).toEqual(taken({}).job);
      const finish = { reason: "stop" } as const;
      const tell = (by: ReturnType<typeof renderer>) => by.delta({ kind: "said", text: "a" }, 0) + by.finish(finish, 0);
      expect(tell(renderer(facts))).toBe(tell(taken({}).renderer(facts)));
    });
});
