import { afterEach, describe, expect, it, vi } from "vitest";
import { WrongUsage } from "../failure.ts";
import { ask, assertPrivate, sessionIn } from "./ask.ts";
import { SESSION_CHARS_MAX } from "./limits.ts";

afterEach(() => vi.restoreAllMocks());

const here = new URL("https://coordinator.example/below");
const answering = (body: string, status = 200) =>
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(body, { status }));
const told = (body: string) => {
  answering(body);
  return ask(here, "v1/me", { method: "GET" });
};

/** Goal: a session goes where nobody reads it on the way. Method: each kind of place, and names that only look like this machine. */
describe.each([
  ["https://192.0.2.1", true],
  ["http://127.0.0.1:8080", true],
  ["http://[::1]:8080", true],
  ["http://localhost", true],
  ["http://192.0.2.1", false],
  ["http://[2001:db8::1]", false],
  ["http://127.0.0.1.example.com", false],
])("a session for %s", (url, isPrivate) => {
  it(isPrivate ? "is sent" : "stays here", async () => {
    const fetched = answering("{}");
    const refused = isPrivate ? undefined : expect.any(WrongUsage);
    expect(
      await ask(new URL(url), "v1/me", { method: "GET" }).then(
        () => undefined,
        (error: unknown) => error,
      ),
    ).toEqual(refused);
    expect(fetched).toHaveBeenCalledTimes(isPrivate ? 1 : 0);
    if (isPrivate) assertPrivate(new URL(url));
    else expect(() => assertPrivate(new URL(url))).toThrow("can be read on the way");
  });
});

/** Goal: a question carries what it is given and nothing else. Method: each kind, as it goes to the network. */
it.each<[question: Parameters<typeof ask>[2], sent: object]>([
  [{ method: "GET" }, { method: "GET", headers: {} }],
  [
    { method: "DELETE", session: "s" },
    { method: "DELETE", headers: { authorization: "Bearer s" } },
  ],
  [
    { method: "POST", form: { a: "b c", d: "&" } },
    { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body: "a=b+c&d=%26" },
  ],
])("asks %j", async (question, sent) => {
  const fetched = answering("{}");
  await ask(here, "v1/me", question);
  const signal = expect.any(AbortSignal);
  expect(fetched.mock.calls).toStrictEqual([[new URL(`${here.href}/v1/me`), { ...sent, redirect: "error", signal }]]);
});

/** Goal: an answer costs no more than one of a coordinator can. Method: the longest that is read, a byte more, and how long it is waited for. */
it("reads as much as there can be, and no more", async () => {
  const wait = vi.spyOn(AbortSignal, "timeout");
  expect((await told(`{"a":"b"}`.padEnd(65_536))).text("a")).toBe("b");
  await expect(told("{}".padEnd(65_537))).rejects.toThrow("is longer than");
  expect(wait.mock.calls).toEqual([[30_000], [30_000]]);
});

/** Goal: what a refusal says is read too. Method: one. */
it("tells what stands in a refusal", async () => {
  answering('{"error":"slow_down"}', 400);
  const { status, text } = await ask(here, "v1/me", { method: "GET" });
  expect([status, text("error")]).toEqual([400, "slow_down"]);
});

/** Goal: nothing of an answer is taken for what it is not. Method: every kind of value where a text, a number or an object should be. */
it.each([
  ['{"a":"b"}', "b", undefined, undefined],
  ['{"a":0}', undefined, 0, undefined],
  ['{"a":1.5}', undefined, 1.5, undefined],
  ['{"a":-1}', undefined, undefined, undefined],
  ['{"a":1e999}', undefined, undefined, undefined],
  ['{"a":"5"}', "5", undefined, undefined],
  ['{"a":{"b":"c"}}', undefined, undefined, "c"],
  ['{"a":null}', undefined, undefined, undefined],
  ["{}", undefined, undefined, undefined],
  ["null", undefined, undefined, undefined],
  ['"a"', undefined, undefined, undefined],
  ["<html>", undefined, undefined, undefined],
])("in %s finds a text %j, a number %j and below it %j", async (body, text, number, below) => {
  const answer = await told(body);
  expect([answer.text("a"), answer.number("a"), answer.below("a").text("b")]).toEqual([text, number, below]);
});

const begin = "darkbloom-session-";
const longest = begin.padEnd(SESSION_CHARS_MAX, "x");

/** Goal: only a session becomes a header. Method: the shortest and the longest, one more, and what is none. */
it.each([
  [`${begin}x`, true],
  [`${begin}A-_9`, true],
  [longest, true],
  [`${longest}x`, false],
  [begin, false],
  [`${begin}x\n`, false],
  [`${begin}x y`, false],
  [` ${begin}x`, false],
  ["eigeninference-key", false],
  [undefined, false],
])("takes %j for a session: %j", (text, isOne) => {
  expect(sessionIn(text)).toBe(isOne ? text : undefined);
});
