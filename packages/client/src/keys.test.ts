import { toBase64 } from "@darkbloom/protocol/bytes";
import type { WellKnown } from "@darkbloom/protocol/wire";
import { expect, it } from "vitest";
import { signerNamed } from "../../../apps/cli/test/hostile-log.ts";
import { Coordinator } from "./coordinator.ts";
import { Published } from "./keys.ts";
import { KEYS_AGE_MS_MAX, REFRESH_EVERY_MS } from "./limits.ts";
import { platform } from "./platform.ts";

const publicKey = new Uint8Array(32).fill(3);
const told: WellKnown = {
  coordinator_keys: [{ id: "key-1", algorithm: "Ed25519", public_key: toBase64(publicKey) }],
  modes: ["sealed"],
  suites: [],
};

/** What a coordinator answers in turn, and how often it was asked. */
function publishing(answer: () => Promise<Response> = async () => Response.json(told)) {
  const asked = { now: 1_000, times: 0 };
  const send = () => {
    asked.times++;
    return answer();
  };
  const ports = { ...platform(send), now: () => asked.now };
  return { asked, published: new Published(ports, new Coordinator(ports, new URL("http://h/"))) };
}

/** Goal: what is published is read once, and again when it is old. Method: the border of its age. */
it("reads what is published once for so long", async () => {
  const { asked, published } = publishing();
  expect([await published.wellKnown(), asked.times]).toEqual([told, 1]);
  asked.now += KEYS_AGE_MS_MAX;
  expect([await published.wellKnown(), asked.times]).toEqual([told, 1]);
  asked.now++;
  expect([await published.wellKnown(), asked.times]).toEqual([told, 2]);
});

it("asks anew for a key that it does not know, and not all the time", async () => {
  const { asked, published } = publishing();
  expect(await published.keys("key-1")).toEqual(new Map([["key-1", publicKey]]));
  asked.now += REFRESH_EVERY_MS - 1;
  expect([(await published.keys("key-2")).has("key-2"), asked.times]).toEqual([false, 1]);
  asked.now++;
  expect([(await published.keys("key-1")).size, asked.times]).toEqual([1, 1]);
  expect([(await published.keys("key-2")).size, asked.times]).toEqual([1, 2]);
  expect([(await published.keys("key-2")).size, asked.times]).toEqual([1, 2]);
});

it("asks anew after what could not be read", async () => {
  let works = false;
  const { asked, published } = publishing(async () =>
    works ? Response.json(told) : new Response("", { status: 502 }),
  );
  await expect(published.wellKnown()).rejects.toThrow("status 502");
  works = true;
  expect([await published.wellKnown(), asked.times]).toEqual([told, 2]);
});

it("keeps a newer reading, though an older one fails after it", async () => {
  const first = Promise.withResolvers<Response>();
  const answers = [first.promise];
  const { asked, published } = publishing(() => answers.shift() ?? Promise.resolve(Response.json(told)));
  const early = published.wellKnown();
  asked.now += KEYS_AGE_MS_MAX + 1;
  expect(await published.wellKnown()).toEqual(told);
  first.resolve(new Response("", { status: 502 }));
  await expect(early).rejects.toThrow("status 502");
  expect([await published.wellKnown(), asked.times]).toEqual([told, 2]);
});

it("knows the log's key, where there is one", async () => {
  expect(await publishing().published.logKey()).toBeUndefined();
  const { key, verifierKey } = signerNamed("log.example/1");
  const log = { origin: key.name, path: "/log", verifier_key: verifierKey, witnesses: [] };
  const { published } = publishing(async () => Response.json({ ...told, log }));
  expect(await published.logKey()).toMatchObject({ name: "log.example/1" });
});
