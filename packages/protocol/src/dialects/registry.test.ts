import { expect, it } from "vitest";
import { endpoints } from "./job.ts";
import { dialectFor, dialects } from "./registry.ts";

it("has a dialect of its own for every endpoint", () => {
  for (const endpoint of endpoints) expect(dialects[endpoint].endpoint).toBe(endpoint);
});

/** Goal: every endpoint answers a body of its own with its own dialect, whatever else is in it. Method: bodies by their main field. */
it.each([
  ["/v1/chat/completions", { messages: [] }, "/v1/chat/completions"],
  ["/v1/responses", { input: "a" }, "/v1/responses"],
  ["/v1/completions", { prompt: "a" }, "/v1/completions"],
  ["/v1/messages", { messages: [] }, "/v1/messages"],
  ["/v1/messages/count_tokens", { messages: [] }, "/v1/messages/count_tokens"],
  ["/v1/responses", { messages: [] }, "/v1/chat/completions"],
  ["/v1/chat/completions", { input: "a" }, "/v1/responses"],
  ["/v1/responses", { input: "a", messages: [] }, "/v1/responses"],
  ["/v1/chat/completions", { input: "a", messages: [] }, "/v1/chat/completions"],
  ["/v1/chat/completions", null, "/v1/chat/completions"],
  ["/v1/messages", { input: "a", messages: [] }, "/v1/messages"],
] as const)("%s with %j", (endpoint, body, expected) => {
  expect(dialectFor(endpoint, body).endpoint).toBe(expected);
});
