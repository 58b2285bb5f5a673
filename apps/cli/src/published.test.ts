import { afterEach, describe, expect, it, vi } from "vitest";
import { fetchAttestations } from "./attestations.ts";
import { PublishedLog } from "./published-log.ts";
import { balanceOf } from "./up-account.ts";
import { wellKnownOf } from "./well-known.ts";

const url = new URL("http://coordinator.example");
const log = new PublishedLog(url, "log");
const wellKnown = { coordinator_keys: [], modes: [], suites: [] };

afterEach(() => vi.restoreAllMocks());

/** The network: it answers with this text and white space behind it, so many bytes in all; a log's hashes with nothing. */
const answering = (text: string, bytes: number) =>
  vi.spyOn(globalThis, "fetch").mockImplementation(async (at) => {
    const isHashes = at instanceof URL && at.pathname.includes("/tile/0/");
    return new Response(isHashes ? "" : text.padEnd(bytes));
  });

/** What became of a reading: done, or in which words not. */
const outcomeOf = (reading: Promise<unknown>): Promise<string> =>
  reading.then(
    () => "taken",
    (error: unknown) => (error instanceof Error ? error.message : "thrown"),
  );

/**
 * Goal: what a coordinator publishes costs who reads it no more than it may. Method: each file as long as it may be, and a byte
 * longer; and how long its answer is waited for.
 */
describe.each<
  [
    what: string,
    text: string,
    bytesMax: number,
    waitMsMax: number,
    read: () => Promise<unknown>,
    within: RegExp,
    beyond: RegExp,
  ]
>([
  [
    "its machines",
    "{}",
    64 * 1024 * 1024,
    60_000,
    () => fetchAttestations(url, undefined, undefined),
    /not understood/,
    /is longer than .* \(67108864 bytes\)/,
  ],
  [
    "its keys",
    JSON.stringify(wellKnown),
    1024 * 1024,
    10_000,
    () => wellKnownOf(url),
    /^taken$/,
    /does not tell its keys/,
  ],
  [
    "its log's checkpoint",
    "note",
    65_536,
    10_000,
    () => log.checkpoint(),
    /^taken$/,
    /is longer than .* \(65536 bytes\)/,
  ],
  [
    "a bundle of its log",
    "",
    1024 * 1024,
    10_000,
    () => log.entries(1).next(),
    /does not hold 1 entries/,
    /is longer than .* \(1048576 bytes\)/,
  ],
])("of %s", (_what, text, bytesMax, waitMsMax, read, within, beyond) => {
  it("reads as much as there can be, and no more", async () => {
    const wait = vi.spyOn(AbortSignal, "timeout");
    answering(text, bytesMax);
    expect(await outcomeOf(read())).toMatch(within);
    answering(text, bytesMax + 1);
    expect(await outcomeOf(read())).toMatch(beyond);
    expect(new Set(wait.mock.calls.flat())).toEqual(new Set([waitMsMax]));
  });
});

it("waits for a balance no longer than its bound", async () => {
  const wait = vi.spyOn(AbortSignal, "timeout");
  answering('{"balance_usd":"1"}', 0);
  expect(await balanceOf(url.href, "key")).toBe("1");
  expect(wait.mock.calls).toEqual([[5_000]]);
});
