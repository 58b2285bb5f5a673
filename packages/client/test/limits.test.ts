import { expect, it } from "vitest";
import { bytesOf } from "../src/bytes-of.ts";
import {
  CLIENT_ANSWER_BYTES_MAX,
  EVIDENCE_BYTES_MAX,
  EVIDENCE_WAIT_MS,
  MODELS_KNOWN_MAX,
  RECEIPT_WAIT_MS,
  SMALL_ANSWER_BYTES_MAX,
} from "../src/limits.ts";
import { World } from "./world.ts";

/** So many bytes, and how many of them were taken. */
function spaces(count: number) {
  const taken = { bytes: 0 };
  const piece = new Uint8Array(64 * 1024).fill(0x20);
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const left = count - taken.bytes;
        if (left <= 0) return controller.close();
        controller.enqueue(piece.subarray(0, left));
        taken.bytes += Math.min(left, piece.length);
      },
    },
    { highWaterMark: 0 },
  );
  return { body, taken };
}

it("reads up to a bound and not beyond", async () => {
  expect(await bytesOf(spaces(100_000).body, 100_000)).toHaveLength(100_000);
  const { body, taken } = spaces(1e12);
  expect(await bytesOf(body, 100_000)).toBeUndefined();
  expect(taken.bytes).toBeLessThan(200_000);
});

it.each([
  ["/v1/providers/attestation", EVIDENCE_BYTES_MAX],
  ["/.well-known/darkbloom", SMALL_ANSWER_BYTES_MAX],
])("sends nothing where %s never ends", { timeout: 60_000 }, async (shown, bytesMax) => {
  await using world = await World.open();
  const { body, taken } = spaces(1e12);
  world.meddle = async (path, answer) => (path === shown ? new Response(body) : answer());
  const { verification } = await world.ask(world.client({ log: {} }));
  expect([verification.error?.code, world.asked]).toEqual(["evidence_unavailable", 0]);
  expect(taken.bytes).toBeLessThan(bytesMax + 1024 * 1024);
});

/** Goal: nothing that a coordinator sends in place of an answer fills its caller's memory. Method: more than there may be; how much of it is taken. */
it("takes no more of a list of other machines than it says", { timeout: 60_000 }, async () => {
  await using world = await World.open();
  const { body, taken } = spaces(EVIDENCE_BYTES_MAX + 64 * 1024 * 1024);
  world.meddle = async (path, answer) =>
    path === "/v1/chat/completions" ? new Response(body, { status: 409 }) : answer();
  await world.ask(world.client({ mode: "sealed" })).catch(() => undefined);
  expect(taken.bytes).toBeGreaterThan(EVIDENCE_BYTES_MAX);
  expect(taken.bytes).toBeLessThan(EVIDENCE_BYTES_MAX + 1024 * 1024);
});

it("takes no more of a kept receipt than it says", async () => {
  await using world = await World.open();
  const { body, taken } = spaces(64 * 1024 * 1024);
  world.meddle = async (path, answer) => (path.startsWith("/v1/receipts/") ? new Response(body) : answer());
  await world.net.during(
    world
      .client()
      .receiptOf("job_long")
      .catch(() => undefined),
    500,
  );
  expect(taken.bytes).toBeGreaterThan(SMALL_ANSWER_BYTES_MAX);
  expect(taken.bytes).toBeLessThan(SMALL_ANSWER_BYTES_MAX + 1024 * 1024);
});

it("waits no longer than it says for evidence", { timeout: 3 * EVIDENCE_WAIT_MS }, async () => {
  await using world = await World.open();
  world.meddle = (path, answer, { signal }) =>
    path.endsWith("/attestation")
      ? new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error)))
      : answer();
  const startMs = performance.now();
  const { verification } = await world.ask(world.client());
  expect(verification.error?.code).toBe("evidence_unavailable");
  expect(performance.now() - startMs).toBeGreaterThan(EVIDENCE_WAIT_MS - 100);
});

it.each([[false], [true]])("holds no more of an answer than it says, stream %s", async (stream) => {
  await using world = await World.open();
  const { body, taken } = spaces(1e12);
  world.meddle = async (path, answer) => {
    const response = await answer();
    return path === "/v1/chat/completions" ? new Response(body, { headers: response.headers }) : response;
  };
  const { verification } = await world.ask(world.client(), { said: { stream } });
  expect(verification).toMatchObject({ outcome: "refused", error: { code: "answer_too_large" } });
  expect(taken.bytes).toBeLessThan(CLIENT_ANSWER_BYTES_MAX + 1024 * 1024);
});

it("holds no more of a sealed answer than twice as much", async () => {
  await using world = await World.open();
  const { body, taken } = spaces(1e12);
  world.meddle = async (path, answer) => {
    const response = await answer();
    return path === "/v1/chat/completions" ? new Response(body, { headers: response.headers }) : response;
  };
  const { verification } = await world.ask(world.client({ mode: "sealed" }));
  expect(verification).toMatchObject({ outcome: "refused", error: { code: "answer_too_large" } });
  expect(taken.bytes).toBeLessThan(2 * CLIENT_ANSWER_BYTES_MAX + 1024 * 1024);
});

it("knows the machines of so many models and no more", { timeout: 60_000 }, async () => {
  await using world = await World.open();
  const client = world.client({ mode: "sealed" });
  const asks = async (model: string): Promise<boolean> => {
    world.sent.length = 0;
    await world.ask(client, { said: { model } });
    return world.sent.includes("GET /v1/providers/attestation");
  };
  world.meddle = async (path, answer) =>
    path.endsWith("/attestation") ? fetch(`${world.baseURL}${path}?model=scripted`) : answer();
  for (let model = 0; model <= MODELS_KNOWN_MAX; model++) expect(await asks(`m${model}`)).toBe(true);
  expect(await asks(`m${MODELS_KNOWN_MAX}`)).toBe(false);
  expect(await asks("m0")).toBe(true);
});

it("asks for a receipt that never comes no longer than it says", async () => {
  await using world = await World.open();
  const client = world.client();
  const startMs = world.net.clock.now();
  expect(await world.net.during(client.receiptOf("job_never"), 500)).toBeUndefined();
  expect(world.net.clock.now() - startMs).toBeGreaterThan(RECEIPT_WAIT_MS);
  expect(world.net.clock.now() - startMs).toBeLessThan(RECEIPT_WAIT_MS + 5_000);
  expect(world.sent.length).toBeLessThan(50);
});
