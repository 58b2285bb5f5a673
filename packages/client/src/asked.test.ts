import { BODY_BYTES_MAX } from "@darkbloom/protocol/limits";
import { fromUtf8 } from "@darkbloom/protocol/bytes";
import { expect, it } from "vitest";
import { addressOf, baseOf, readAsked } from "./asked.ts";
import type { DarkbloomError } from "./errors.ts";

it.each([
  ["http://h", "http://h/"],
  ["https://h/v1", "https://h/"],
  ["http://h/v1/", "http://h/"],
  ["http://h/net/v1//", "http://h/net/"],
  ["http://h/net", "http://h/net/"],
  ["http://h/v1/more", "http://h/v1/more/"],
  ["http://h/?key=1#there", "http://h/"],
])("takes %s for the coordinator at %s", (address, base) => {
  expect(baseOf(address).href).toBe(base);
});

it.each([["no address"], ["ftp://h/"], ["http://name@h/"], ["http://:word@h/"]])("takes %s for none", (address) => {
  expect(() => baseOf(address)).toThrow("baseURL must be an address");
});

it("knows an address in every form that fetch takes", () => {
  for (const input of ["http://h/a", new URL("http://h/a"), new Request("http://h/a")])
    expect(addressOf(input).href).toBe("http://h/a");
});

const base = baseOf("http://h/net");
const question = '{"model":"tiny"}';
const post = (body: string = question, more: RequestInit = {}): RequestInit => ({
  method: "POST",
  body,
  ...more,
});
const chat = "http://h/net/v1/chat/completions";

/** Goal: nothing confidential goes out unchecked. Method: what a program may send, and where to. */
it.each<[what: string, input: string | Request, init: RequestInit | undefined, code: string]>([
  ["another origin", "http://other/net/v1/models", undefined, "address_foreign"],
  ["another port", "http://h:81/net/v1/models", undefined, "address_foreign"],
  ["a path beside the coordinator's", "http://h/v1/models", undefined, "address_foreign"],
  ["a path that begins alike", "http://h/network/v1/models", undefined, "address_foreign"],
  ["an endpoint that is none", "http://h/net/v1/audio/speech", post(), "route_unknown"],
  ["an endpoint by another method", chat, post(question, { method: "PUT" }), "route_unknown"],
  ["a deletion", "http://h/net/v1/models/tiny", { method: "DELETE" }, "route_unknown"],
  ["no body", chat, { method: "POST" }, "body_unreadable"],
  ["no body in place of the request's", new Request(chat, post()), { body: null }, "body_unreadable"],
  ["no JSON", chat, post("model=tiny"), "body_unreadable"],
  ["an array", chat, post("[]"), "body_unreadable"],
  ["null", chat, post("null"), "body_unreadable"],
  ["a string", chat, post('"model"'), "body_unreadable"],
  ["no model", chat, post("{}"), "body_unreadable"],
  ["a model that is no text", chat, post('{"model":1}'), "body_unreadable"],
  ["too much", chat, post(question.padEnd(BODY_BYTES_MAX + 1)), "body_too_large"],
])("refuses %s", async (_, input, init, code) => {
  const error = await readAsked(base, input, init).catch((thrown: unknown) => thrown as DarkbloomError);
  expect(error).toMatchObject({ name: "DarkbloomError", code });
});

it.each([["[]"], ["null"], ['"model"'], ["1"], ["{"]])("says of the body %s that it is no object", async (body) => {
  await expect(readAsked(base, chat, post(body))).rejects.toThrow("The body must be a JSON object. Nothing was sent.");
});

it.each<[what: string, init: RequestInit | undefined, method: string]>([
  ["without a method", undefined, "GET"],
  ["in small letters", { method: "get" }, "GET"],
  ["for the head alone", { method: "HEAD" }, "HEAD"],
])("lets a look pass %s", async (_, init, method) => {
  const look = await readAsked(base, "http://h/net/v1/models", init);
  expect(look).not.toHaveProperty("endpoint");
  expect(look).toMatchObject({ method, signal: undefined });
});

/** Goal: what stands beside a request counts before what stands in it, as for fetch. Method: each part in either place. */
it("reads a request from either place", async () => {
  const { signal } = new AbortController();
  const request = new Request(chat, post(question, { headers: { "x-a": "in", "content-type": "application/json" } }));
  const inside = await readAsked(base, request);
  expect(inside).toMatchObject({ endpoint: "/v1/chat/completions", model: "tiny", stream: false });
  expect([inside.headers.get("x-a"), inside.signal instanceof AbortSignal]).toEqual(["in", true]);
  const beside = await readAsked(base, request.url, {
    ...post('{"model":"big","stream":true}'),
    headers: { "x-a": "beside" },
    signal,
  });
  expect(beside).toMatchObject({ model: "big", stream: true, said: { model: "big", stream: true } });
  expect([beside.headers.get("x-a"), beside.signal]).toEqual(["beside", signal]);
  const over = await readAsked(base, new Request(chat, post()), {
    headers: { "x-a": "beside" },
    signal,
    body: '{"model":"big"}',
  });
  expect([over.headers.get("x-a"), over.signal, "model" in over && over.model]).toEqual(["beside", signal, "big"]);
  expect(await readAsked(base, new Request(chat, post()), { method: "GET" })).not.toHaveProperty("endpoint");
});

it("reads a path as servers do, a whole body and no other stream than true", async () => {
  const asked = await readAsked(base, "http://h/net//v1///messages/", post('{"model":"tiny","stream":"true"}'));
  expect(asked).toMatchObject({ endpoint: "/v1/messages", stream: false });
  const longest = await readAsked(base, chat, post(question.padEnd(BODY_BYTES_MAX)));
  expect("body" in longest && fromUtf8(longest.body).trim()).toBe(question);
});

it.each([
  [undefined, "application/json"],
  ["text/plain", "application/json"],
  ["application/vnd.more+json", "application/vnd.more+json"],
])("sends content of type %s as %s", async (type, sent) => {
  const asked = await readAsked(base, chat, post(question, { ...(type && { headers: { "content-type": type } }) }));
  expect(asked.headers.get("content-type")).toBe(sent);
});
