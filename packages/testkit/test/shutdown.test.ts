import { bundledEntry } from "@darkbloom/coordinator/catalog/bundled";
import { systemClock } from "@darkbloom/protocol/node";
import { ScriptedEngine } from "@darkbloom/provider/engine/scripted-engine";
import { expect, it } from "vitest";
import { GoldenNetwork } from "./goldens/goldens.ts";
import { post } from "./running.ts";

/**
 * Goal: the last that a caller hears of a coordinator that ends is why, in a stream and in a plain answer. Method: a real
 * coordinator on a port, stopped without any time to drain while a slow model answers both.
 */
it("tells callers that it shuts down before it closes their connections", async () => {
  const pieces = Array.from({ length: 400 }, (_, n) => ` ${n}`);
  const engine = new ScriptedEngine({
    clock: systemClock,
    slots: 2,
    model: bundledEntry,
    script: () => ({ pieces, tokenMs: 50 }),
  });
  const network = await GoldenNetwork.open(engine);
  const body = { model: "darkbloom-tiny", max_tokens: 400, messages: [{ role: "user", content: "Count." }] };
  const plain = post(network, body);
  const stream = await post(network, { ...body, stream: true });
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  let read = (await reader?.read())?.value ?? "";
  await network[Symbol.asyncDispose]();
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) read += next.value;
  expect(read).toMatch(/data: \{"error":\{[^\n]*"code":"draining"[^\n]*\n\n$/);
  expect(read).not.toContain("[DONE]");
  expect((await plain).status).toBe(503);
  expect((await plain).headers.get("retry-after")).toBe("3");
  expect(await (await plain).json()).toMatchObject({
    error: { code: "draining", message: "This coordinator is shutting down. Nothing was charged. Try again in 3 s." },
  });
});
