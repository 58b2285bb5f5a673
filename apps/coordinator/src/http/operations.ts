import { NetworkError } from "@darkbloom/protocol";
import * as z from "zod";
import { failureResponses, type Door, type Route } from "./door.ts";
import { DRAIN_RETRY_SEC } from "./failure.ts";

const health = z.object({ status: z.literal("ok"), providers: z.int().describe("Connected now") });

/** `GET /health`: the process answers. */
export const showHealth = ({ deps }: Door): Route => ({
  schema: {
    summary: "Whether the process answers",
    tags: ["operations"],
    response: { 200: health, ...failureResponses([]) },
  },
  handler: async (): Promise<z.infer<typeof health>> => ({ status: "ok", providers: deps.fleet.providers().length }),
});

/** Whoever asks more often than this is told what the write before found: each one waits for the disk. */
const READY_WRITE_EVERY_MS = 1_000;

const ready = z.object({ status: z.literal("ready") });

/** `GET /readyz`: whether a load balancer should send requests here. */
export const showReady = ({ deps }: Door): Route => {
  let written: { readonly atMs: number; readonly done: Promise<void> } | undefined;
  return {
    schema: {
      summary: "Whether new requests are taken: 503 while draining, and while the ledger cannot be written",
      tags: ["operations"],
      response: { 200: ready, ...failureResponses(["draining", "storage_unavailable"]) },
    },
    handler: async (): Promise<z.infer<typeof ready>> => {
      if (deps.isDraining()) throw new NetworkError({ code: "draining", retryAfterSec: DRAIN_RETRY_SEC });
      const nowMs = deps.clock.monotonicMs();
      if (!written || nowMs - written.atMs >= READY_WRITE_EVERY_MS)
        written = { atMs: nowMs, done: deps.ledger.assertWritable() };
      await written.done;
      return { status: "ready" };
    },
  };
};

/** `GET /metrics`: counts and durations, never content, never accounts. */
export const showMetrics = ({ deps }: Door): Route => ({
  schema: {
    summary: "Counters in Prometheus' format",
    tags: ["operations"],
    response: {
      200: { description: "Text exposition format", content: { "text/plain": { schema: z.string() } } },
      ...failureResponses([]),
    },
  },
  handler: async (_request, reply) =>
    reply
      .type(deps.metrics.contentType)
      .serializer((text: string) => text)
      .send(await deps.metrics.text()),
});
