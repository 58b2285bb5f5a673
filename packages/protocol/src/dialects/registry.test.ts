import { describe, expect, it } from "vitest";
import { type Endpoint, endpoints } from "./job.ts";
import { dialectFor, dialects } from "./registry.ts";

/** Goal: OpenAI's two are told apart by what a body holds, and nothing else is. Method: every endpoint with every shape. */
describe("the dialect of a request", () => {
  const shapes: Readonly<Record<string, unknown>> = {
    messages: { messages: [] },
    input: { input: "hi" },
    both: { messages: [], input: "hi" },
    "messages and no input": { messages: [], input: null },
    "input and no messages": { messages: null, input: "hi" },
    neither: { prompt: "hi" },
    "no object": "messages",
    nothing: null,
    list: [{ messages: [] }],
  };
  const others: Readonly<Partial<Record<Endpoint, Readonly<Record<string, Endpoint>>>>> = {
    "/v1/chat/completions": { input: "/v1/responses", "input and no messages": "/v1/responses" },
    "/v1/responses": { messages: "/v1/chat/completions", "messages and no input": "/v1/chat/completions" },
  };
  for (const endpoint of endpoints)
    for (const [shape, body] of Object.entries(shapes))
      it(`${endpoint} with ${shape}`, () =>
        expect(dialectFor(endpoint, body).endpoint).toBe(others[endpoint]?.[shape] ?? endpoint));
});

it("has one dialect for each endpoint", () => {
  expect(Object.keys(dialects).toSorted()).toEqual([...endpoints].toSorted());
  for (const endpoint of endpoints) expect(dialects[endpoint].endpoint).toBe(endpoint);
});
