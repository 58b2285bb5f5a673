import { NetworkError } from "@darkbloom/protocol/failures";
import * as z from "zod";
import type { KeyAtTimes } from "./access.ts";
import { isSeen } from "../machines/eligibility.ts";
import type { Door, Route } from "./door.ts";
import { DRAIN_RETRY_SEC } from "./failure.ts";
import { peerOf } from "./peer.ts";

const health = z.object({ status: z.literal("ok"), providers: z.int().describe("Connected now") });

/** `GET /health`: the process answers. */
export const showHealth = ({ deps }: Door): Route => ({
  schema: {
    summary: "Whether the process answers",
    tags: ["operations"],
    response: { 200: health },
  },
  // Probes are not to be refused.
  config: { access: "open", limit: "none" },
  handler: async (): Promise<z.infer<typeof health>> => ({
    status: "ok",
    providers: deps.fleet.machines().filter((machine) => isSeen(machine)).length,
  }),
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
      response: { 200: ready },
    },
    config: { access: "open", limit: "none", fails: ["draining", "storage_unavailable"] },
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

const notFromHere: KeyAtTimes = {
  needsKey: ({ raw }, { isOpenLocally, trustProxy }) => !(isOpenLocally === true && peerOf(raw, trustProxy).isLocal),
  who: "an API key or a session; this machine without one, where no proxy is trusted and no join token set",
};

/**
 * `GET /metrics`: counts and durations, never content, never accounts. They tell of the business, so who is not on this
 * machine shows a key, and where a token is set or a proxy trusted everybody does.
 */
export const showMetrics = ({ deps }: Door): Route => ({
  schema: {
    summary:
      "Counters in Prometheus' format; with a key, but for this machine itself where no proxy is trusted and no join token set",
    tags: ["operations"],
    response: {
      200: { description: "Text exposition format", content: { "text/plain": { schema: z.string() } } },
    },
  },
  config: { access: notFromHere, scope: "metrics:read", limit: "rate" },
  handler: async (_request, reply) =>
    reply
      .type(deps.metrics.contentType)
      .serializer((text: string) => text)
      .send(await deps.metrics.text()),
});
