import { NetworkError } from "@darkbloom/protocol/failures";
import { readEntry, type LogEntry } from "@darkbloom/protocol/log";
import type { Revocations } from "@darkbloom/protocol/evidence";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { SimulatedClock } from "@darkbloom/testkit";
import { expect, it } from "vitest";
import { entry } from "../test/http-kit.ts";
import { keysFact } from "../test/log-kit.ts";
import type { Store } from "./adapters/open-store.ts";
import type { Events } from "./events/events.ts";
import { keepLog } from "./keep-log.ts";
import { LOG_EVERY_MS, LOG_FACTS_MAX } from "./transparency/transparency-log.ts";

/**
 * Goal: nothing that the operator says is lost, however long the log cannot be added to. Method: a storage that fails for a while,
 * three times as many revocations as may wait, more machines than that, and a release whose hash comes late.
 */
it("adds all that the operator says once it can, and of machines the newest", async () => {
  const clock = new SimulatedClock();
  const added: LogEntry[] = [];
  let isFull = true;
  const bugs: unknown[] = [];
  const identities = (from: number) =>
    new Set(Array.from({ length: 3 * LOG_FACTS_MAX }, (_, at) => String(from + at).padStart(64, "0")));
  let list = { identityKeySha256: identities(0) } as Partial<Revocations> as Revocations;
  const store = {
    networkKey: { mac: (message: Uint8Array) => nodeCrypto.sha256(message) },
    folder: { path: "/data" },
    countersigner: { keyId: "key", publicKey: new Uint8Array(32) },
    catalog: { entries: [entry] },
    logSigner: {
      origin: "log",
      publicKey: new Uint8Array(32),
      sign: () => new Uint8Array(64),
      keep: () => undefined,
      kept: () => undefined,
    },
    logStore: {
      size: () => 0,
      tile: async () => undefined,
      indexOf: async () => undefined,
      indexOfFact: async () => undefined,
      append: async (facts: readonly Uint8Array[]) => {
        if (isFull) throw new NetworkError({ code: "storage_unavailable", fault: "disk_full", retryAfterSec: 1 });
        added.push(...facts.flatMap((fact) => readEntry(fact) ?? []));
      },
    },
  } as Partial<{ readonly [Name in keyof Store]: Partial<Store[Name]> }> as Store;
  const hash = Promise.withResolvers<string>();
  const events = {
    bug: (_facts, error) => void bugs.push(error),
    logFactsDropped: () => undefined,
  } as Partial<Events> as Events;
  await using kept = await keepLog({ clock, crypto: nodeCrypto, events }, store, {
    version: "1",
    codeSha256: () => hash.promise,
    revoked: { current: () => list },
  });
  await clock.advance(20 * LOG_EVERY_MS);
  for (let at = 0; at < 2 * LOG_FACTS_MAX; at += 1) kept.log.add(keysFact(at));
  hash.resolve("f".repeat(64));
  await clock.advance(LOG_EVERY_MS);
  expect([added, bugs]).toEqual([[], [expect.any(NetworkError)]]);
  isFull = false;
  await clock.advance(10 * LOG_EVERY_MS);
  const count = (kind: LogEntry["kind"]) => added.filter((one) => one.kind === kind).length;
  expect(count("revocation")).toBe(3 * LOG_FACTS_MAX);
  expect([count("coordinator_key"), count("weights"), count("release")]).toEqual([1, 1, 1]);
  expect(added.filter(({ kind }) => kind === "provider_keys")).toEqual(
    Array.from({ length: LOG_FACTS_MAX }, (_, at) => keysFact(LOG_FACTS_MAX + at)),
  );
  // A newer list is taken whole; the same one is not taken again.
  list = { identityKeySha256: identities(1) } as Partial<Revocations> as Revocations;
  await clock.advance(10 * LOG_EVERY_MS);
  expect(count("revocation")).toBe(6 * LOG_FACTS_MAX);
  expect(bugs).toHaveLength(1);
});
