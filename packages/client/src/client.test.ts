import { webCrypto } from "@darkbloom/protocol/web";
import { expect, it } from "vitest";
import { Client } from "./client.ts";
import { RECEIPT_ASK_EVERY_MS, RECEIPT_WAIT_MS } from "./limits.ts";
import { platform } from "./platform.ts";
import { rulesOf, type AnyPolicy } from "./policy.ts";
import type { DarkbloomOptions, Verification } from "./types.ts";

type Told = Omit<DarkbloomOptions, "policy" | "fetch">;

/** A client, what left it, and what it was told of its answers. */
function clientOf(
  answer: (path: string) => Response | Promise<Response> = () => Response.json({ providers: [] }),
  told: Partial<Told> = {},
  policy: AnyPolicy = {},
) {
  const sent: { readonly path: string; readonly init: RequestInit }[] = [];
  const verifications: Verification[] = [];
  const send: typeof fetch = async (url, init = {}) => {
    const path = url instanceof URL ? url.pathname : "";
    sent.push({ path, init });
    return answer(path);
  };
  const onVerified = (verification: Verification) => void verifications.push(verification);
  const client = new Client(platform(send), rulesOf(webCrypto, policy), {
    baseURL: "http://h/net/v1",
    onVerified,
    ...told,
  });
  return { client, sent, verifications };
}

const look = "http://h/net/v1/models";
const chat = "http://h/net/v1/chat/completions";
const question: RequestInit = { method: "POST", body: '{"model":"tiny"}' };

/** Goal: a request goes out under its program's key, or else under this object's. Method: each header that brings a key. */
it.each<[apiKey: string | undefined, headers: Record<string, string>, authorization: string | null]>([
  ["key", {}, "Bearer key"],
  [undefined, {}, null],
  ["key", { authorization: "Bearer own" }, "Bearer own"],
  ["key", { "x-api-key": "own" }, null],
])("under the key %s sends the headers %j with %s", async (apiKey, headers, authorization) => {
  const { client, sent } = clientOf(() => Response.json([]), apiKey === undefined ? {} : { apiKey });
  await client.fetch(look, { headers });
  const [one] = sent;
  expect(new Headers(one?.init.headers).get("authorization")).toBe(authorization);
  expect([one?.path, one?.init.method, one?.init.redirect]).toEqual(["/net/v1/models", "GET", "error"]);
});

it("passes a program's signal on, where it has one", async () => {
  const { client, sent } = clientOf();
  const { signal } = new AbortController();
  await client.fetch(look);
  await client.fetch(look, { signal });
  expect(sent.map(({ init }) => init.signal)).toEqual([undefined, signal]);
  expect("signal" in (sent[0]?.init ?? {})).toBe(false);
});

it("gives an SDK what its constructor takes", () => {
  const { client } = clientOf();
  expect(client.openai).toEqual({ baseURL: "http://h/net/v1", apiKey: "", fetch: client.fetch });
  expect(clientOf(undefined, { apiKey: "key" }).client.anthropic).toMatchObject({
    baseURL: "http://h/net",
    apiKey: "key",
  });
});

it("throws on what is no error of its own", async () => {
  const { client, verifications } = clientOf(() => Promise.reject(new TypeError("reset")));
  await expect(client.fetch(look)).rejects.toThrow("reset");
  await expect(client.fetch("no address")).rejects.toThrow(TypeError);
  expect(verifications).toEqual([]);
});

/** Goal: of what was refused is told what is known, and no more. Method: a request that was read, and one that was not. */
it("tells of what it refused itself", async () => {
  const { client, verifications, sent } = clientOf();
  const foreign = await client.fetch("http://other/v1/models");
  const refused = await client.verificationOf(foreign);
  expect(refused).toMatchObject({ outcome: "refused", endpoint: "/v1/models", status: 400, mode: "sealed" });
  expect(["model" in refused, "jobId" in refused, sent.length]).toEqual([false, false, 0]);
  const asked = await client.fetch(chat, question);
  const none = await client.verificationOf(asked);
  expect(none).toMatchObject({
    endpoint: "/v1/chat/completions",
    model: "tiny",
    status: 503,
    error: { code: "no_machine" },
  });
  expect(verifications).toEqual([refused, none]);
  expect(() => client.verificationOf(new Response())).toThrow(RangeError);
});

it("says nothing where nobody wants to be told", async () => {
  const client = new Client(platform(), rulesOf(webCrypto, {}), { baseURL: "http://h" });
  const response = await client.fetch("http://other/");
  expect((await client.verificationOf(response)).error?.code).toBe("address_foreign");
});

it.each<[policy: AnyPolicy, paths: string[]]>([
  [{}, ["/net/.well-known/darkbloom", "/net/v1/providers/attestation"]],
  [{ coordinatorKeys: ["A".repeat(43) + "="] }, ["/net/v1/providers/attestation"]],
])("under the policy %j asks for %j", async (policy, paths) => {
  const { client, sent } = clientOf(undefined, {}, policy);
  await client.fetch(chat, question);
  expect(sent.map(({ path }) => path).toSorted()).toEqual(paths);
});

it("takes what is no receipt for none, at once", async () => {
  const { client, sent } = clientOf(() => Response.json({}), { apiKey: "key" });
  expect(await client.receiptOf("job/1")).toBeUndefined();
  expect(sent.map(({ path }) => path)).toEqual(["/net/v1/receipts/job%2F1"]);
  expect(new Headers(sent[0]?.init.headers).get("authorization")).toBe("Bearer key");
  expect(sent[0]?.init.redirect).toBe("error");
});

/** Goal: a receipt that is late is waited for, and not for ever. Method: a clock that only sleeping moves. */
it("asks for a receipt once a second, for so long", async () => {
  let nowMs = 0;
  let asked = 0;
  const ports = {
    ...platform(async () => {
      if (++asked > 100) throw new Error("asked for ever");
      return new Response("", { status: 404 });
    }),
    now: () => nowMs,
    sleep: async (ms: number) => void (nowMs += ms),
  };
  const client = new Client(ports, rulesOf(webCrypto, {}), { baseURL: "http://h" });
  expect(await client.receiptOf("job_1")).toBeUndefined();
  expect(asked).toBe(RECEIPT_WAIT_MS / RECEIPT_ASK_EVERY_MS + 2);
});
