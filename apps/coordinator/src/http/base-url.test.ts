import { sentenceOf } from "@darkbloom/protocol/failure-words";
import { describe, expect, it } from "vitest";
import { dialectOf, pathOf, routeNotFound } from "./base-url.ts";

/** Goal: a wrong base URL is answered with the right one. Method: what SDKs send with the usual slips of the hand. */
it.each([
  ["/v1/v1/messages", "Anthropic's SDKs add /v1 themselves: their base URL is this address alone"],
  ["/v1/v1/messages?beta=true", "Anthropic's SDKs add /v1 themselves: their base URL is this address alone"],
  ["//v1//v1/messages/", "Anthropic's SDKs add /v1 themselves: their base URL is this address alone"],
  ["/messages", "That endpoint is /v1/messages"],
  ["/v1/v1/chat/completions", "The base URL is this address and /v1"],
  ["/v1/v1/v1/models", "The base URL is this address and /v1"],
  ["/chat/completions", "The base URL is this address and /v1"],
  ["/responses", "The base URL is this address and /v1"],
  ["/completions", "The base URL is this address and /v1"],
  ["/models", "The base URL is this address and /v1"],
  ["/models/darkbloom-tiny", "The base URL is this address and /v1"],
])("tells who asks for %s that %s", (url, words) => {
  const failure = routeNotFound({ url, headers: {} });
  expect(sentenceOf(failure)).toContain(`There is no such route. ${words}`);
  expect(sentenceOf(failure)).toMatch(/127\.0\.0\.1:8080(\/v1)?\. GET \/openapi\.json/);
});

/** Goal: an SDK of Anthropic's is told of its own base URL. Method: the same slips of the hand, with its header. */
it.each([
  ["/v1/v1/models", "Anthropic's SDKs add /v1 themselves"],
  ["/models", "Anthropic's SDKs add /v1 themselves"],
  ["/v1/v1/messages", "Anthropic's SDKs add /v1 themselves"],
  ["/messages", "That endpoint is /v1/messages"],
])("tells an SDK of Anthropic's that asks for %s that %s", (url, words) => {
  const failure = routeNotFound({ url, headers: { "anthropic-version": "2023-06-01" } });
  expect(sentenceOf(failure)).toContain(`There is no such route. ${words}`);
});

/** Goal: nobody is told of a base URL who has none wrong. Method: paths that are near to none of ours, or below one. */
it.each(["/", "/favicon.ico", "/v1", "/v1/v1", "/v1/nothing", "/v1/messages/batches", "/v10/models", "/modelsx"])(
  "says of %s only that it is no route",
  (url) => {
    expect(sentenceOf(routeNotFound({ url, headers: {} }))).toBe(
      "There is no such route. GET /openapi.json lists what there is.",
    );
  },
);

describe("paths", () => {
  it.each([
    ["/v1/messages/batches", "/v1/messages"],
    ["/v1/v1/messages", "/v1/messages"],
    ["/messages", "/v1/messages"],
    ["/v1/messagesx", "/v1/chat/completions"],
    ["/v1/nothing", "/v1/chat/completions"],
  ])("says errors of %s as %s does", (url, endpoint) => {
    expect(dialectOf({ url, headers: {} }).endpoint).toBe(endpoint);
  });

  it.each(["/v1/models", "/v1/nothing", "/v1/files", "/"])(
    "says errors of %s to Anthropic's SDKs as they read them",
    (url) => {
      expect(dialectOf({ url, headers: { "anthropic-version": "any" } }).endpoint).toBe("/v1/messages");
      expect(dialectOf({ url, headers: { "anthropic-beta": "any" } }).endpoint).toBe("/v1/chat/completions");
    },
  );

  it.each([
    ["//ws//provider/", "/ws/provider"],
    ["/ws/provider?x=//", "/ws/provider"],
    ["/", "/"],
    ["", ""],
  ])("routes %s as %s", (url, path) => {
    expect(pathOf(url)).toBe(path);
  });
});
