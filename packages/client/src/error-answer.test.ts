import { expect, it } from "vitest";
import { errorAnswer, errorBody, errorEvent, wordsOf, type ErrorWords } from "./error-answer.ts";
import { DarkbloomError, type FaultCode } from "./errors.ts";

const chat = "/v1/chat/completions";

it.each<[code: FaultCode, status: number, action: string, again: string, afterSec: string | null]>([
  ["address_foreign", 400, "fix", "false", null],
  ["evidence_stale", 503, "retry", "true", "2"],
  // Who refuses all machines would choose by it, were it asked again by itself.
  ["no_candidate", 503, "retry", "false", "2"],
  ["answer_false", 502, "stop", "false", null],
])("answers for %s with what an SDK does about it", async (code, status, action, again, afterSec) => {
  const response = errorAnswer(new DarkbloomError(code, "What is so."), chat);
  const { headers } = response;
  expect(response.status).toBe(status);
  expect([headers.get("x-darkbloom-error"), headers.get("x-darkbloom-action")]).toEqual([code, action]);
  expect([headers.get("x-should-retry"), headers.get("retry-after")]).toEqual([again, afterSec]);
  const type = action === "fix" ? "invalid_request_error" : "server_error";
  expect(wordsOf(new DarkbloomError(code, "What is so."))).toEqual({ type, code, message: "What is so." });
  expect(await response.json()).toEqual({ error: { code, message: "What is so.", type, param: null } });
});

const words: ErrorWords = { type: "server_error", code: "c", message: "m" };

it.each<[path: string, type: ErrorWords["type"], body: object]>([
  [chat, "server_error", { error: { message: "m", type: "server_error", code: "c", param: null } }],
  ["/v1/messages", "server_error", { type: "error", error: { type: "api_error", message: "m (c)" } }],
  ["/net/v1/messages/count_tokens", "api_error", { type: "error", error: { type: "api_error", message: "m (c)" } }],
  [
    "/v1/messages",
    "invalid_request_error",
    { type: "error", error: { type: "invalid_request_error", message: "m (c)" } },
  ],
  ["/v1/messages_more", "server_error", { error: { message: "m", type: "server_error", code: "c", param: null } }],
])("says it at %s, of type %s, as %j", (path, type, body) => {
  expect(JSON.parse(errorBody({ ...words, type }, path))).toEqual(body);
});

it.each<[path: string, event: string]>([
  [chat, 'data: {"error":{"message":"m","type":"server_error","code":"c","param":null}}\n\n'],
  ["/v1/messages", 'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"m (c)"}}\n\n'],
  [
    "/net/v1/responses",
    'event: error\ndata: {"type":"error","code":"c","message":"m","param":null,"sequence_number":3}\n\n',
  ],
])("ends a stream of %s as its client knows it", (path, event) => {
  expect(errorEvent(words, path, 3)).toBe(event);
});
