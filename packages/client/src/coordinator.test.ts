import { fromUtf8, utf8 } from "@darkbloom/protocol/bytes";
import { expect, it } from "vitest";
import { Coordinator, otherMachines } from "./coordinator.ts";
import { EVIDENCE_BYTES_MAX } from "./limits.ts";
import { platform } from "./platform.ts";

const base = new URL("http://h/net/");

/** A coordinator that answers so, and the last thing that it was asked. */
function answering(answer: (init: RequestInit) => Response | Promise<Response>) {
  const asked: { url?: string; init: RequestInit } = { init: {} };
  const send: typeof fetch = async (url, init = {}) => {
    asked.url = url instanceof URL ? url.href : "";
    asked.init = init;
    return answer(init);
  };
  return { asked, coordinator: new Coordinator(platform(send), base) };
}
const empty = { providers: [] };
const codeOf = (asking: Promise<unknown>): Promise<unknown> =>
  asking.then(
    () => "nothing",
    (error: unknown) => error,
  );

it("asks for all machines, or for those of a model", async () => {
  const { asked, coordinator } = answering(() => Response.json(empty));
  expect(await coordinator.attestations()).toEqual(empty);
  expect(asked.url).toBe("http://h/net/v1/providers/attestation");
  expect(await coordinator.attestations("a/b c")).toEqual(empty);
  expect(asked.url).toBe("http://h/net/v1/providers/attestation?model=a%2Fb%20c");
  expect([asked.init.redirect, "headers" in asked.init]).toEqual(["error", false]);
});

/** Goal: nothing is sent on what was not understood. Method: each way to answer something else. */
it.each<[what: string, answer: () => Response, model: string | undefined, code: string, words: string]>([
  ["no such model", () => new Response("", { status: 404 }), "tiny", "model_unknown", "knows no such model"],
  ["no list at all", () => new Response("", { status: 404 }), undefined, "evidence_unavailable", "not understood"],
  ["no JSON", () => new Response("{"), "tiny", "evidence_unavailable", "not understood"],
  ["no list", () => Response.json({}), undefined, "evidence_unavailable", "not understood"],
  ["an error", () => new Response("", { status: 500 }), "tiny", "evidence_unavailable", "status 500"],
  ["nothing", () => Response.error(), "tiny", "evidence_unavailable", "status 0"],
  [
    "too much",
    () => new Response(new Uint8Array(EVIDENCE_BYTES_MAX + 1)),
    "tiny",
    "evidence_unavailable",
    "is longer than",
  ],
])("says of %s what it is", async (_, answer, model, code, words) => {
  const error = await codeOf(answering(answer).coordinator.attestations(model));
  expect(error).toMatchObject({ name: "DarkbloomError", code });
  expect((error as Error).message).toContain(words);
});

it.each<[what: string, answer: () => Response, words: string]>([
  ["is not there", () => new Response("", { status: 404 }), "is not there"],
  ["is something else", () => Response.json({}), "does not tell its keys"],
])("finds no coordinator where its keys' place %s", async (_, answer, words) => {
  await expect(answering(answer).coordinator.wellKnown()).rejects.toThrow(words);
});

it("hands on a file as it is, with the headers that it was asked with", async () => {
  const { asked, coordinator } = answering(() => new Response("text"));
  const headers = new Headers({ "x-a": "b" });
  const bytes = await coordinator.file("file", { bytesMax: 4, headers });
  expect([fromUtf8(bytes ?? new Uint8Array(0)), asked.url]).toEqual(["text", "http://h/net/file"]);
  expect(asked.init.headers).toBe(headers);
  expect(await codeOf(coordinator.file("file", { bytesMax: 3 }))).toMatchObject({ code: "evidence_unavailable" });
});

it("leaves the body of what is not there", async () => {
  let left = false;
  const body = new ReadableStream({ cancel: () => void (left = true) });
  const { coordinator } = answering(() => new Response(body, { status: 404 }));
  expect(await coordinator.file("file", { bytesMax: 4 })).toBeUndefined();
  expect(left).toBe(true);
});

it("says of a network that fails how to mend it, and of its caller's own end nothing else", async () => {
  const fails = answering(() => Promise.reject(new TypeError("reset")));
  const { signal } = new AbortController();
  for (const bounds of [{ bytesMax: 4 }, { bytesMax: 4, signal }])
    expect(await codeOf(fails.coordinator.file("file", bounds))).toMatchObject({
      code: "evidence_unavailable",
      message: expect.stringContaining("does not answer") as string,
    });
  const ended = AbortSignal.abort(new RangeError("enough"));
  const { coordinator } = answering(({ signal: passed }) => Promise.reject(passed?.reason as Error));
  expect(await codeOf(coordinator.file("file", { bytesMax: 4, signal: ended }))).toMatchObject({ message: "enough" });
});

it.each<[text: string, shown: object | undefined]>([
  ["{", undefined],
  ["null", undefined],
  ['"sealing"', undefined],
  ["{}", undefined],
  ['{"sealing":null}', undefined],
  ['{"sealing":{}}', undefined],
  ['{"sealing":{"providers":[]}}', empty],
])("finds in %s other machines: %j", (text, shown) => {
  expect(otherMachines(utf8(text))).toEqual(shown);
});

/** Goal: how far two clocks are apart is known from what a coordinator says of its own. Method: answers with its time, without, and with none that is a time. */
it.each<[date: string | undefined, secondsAhead: number]>([
  ["Thu, 01 Jan 2026 00:01:40 GMT", -100],
  ["Wed, 31 Dec 2025 23:59:00 GMT", 60],
  ["yesterday", 0],
  [undefined, 0],
])("sees from the date %s that our clock is %i s ahead", async (date, secondsAhead) => {
  const ports = {
    ...platform(async () => Response.json({ providers: [] }, date === undefined ? {} : { headers: { date } })),
    now: () => Date.UTC(2026, 0, 1),
  };
  const coordinator = new Coordinator(ports, new URL("http://h/"));
  await coordinator.attestations();
  expect(coordinator.secondsAhead).toBe(secondsAhead);
});
