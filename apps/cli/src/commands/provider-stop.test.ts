import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDataFolder } from "@darkbloom/protocol/node";
import { STATUS_FILE } from "@darkbloom/provider/files/status-file";
import { afterEach, expect, it, vi } from "vitest";
import { temporaryFolder } from "../../test/binary.ts";
import { idleStatus } from "../../test/provider-status.ts";
import { providerAttest } from "./provider-attest.ts";
import { providerStop } from "./provider-stop.ts";

afterEach(() => vi.restoreAllMocks());

/** A folder on which a provider runs: this process holds it. */
async function running() {
  const place = temporaryFolder();
  const folder = await openDataFolder(place.path, "provider");
  writeFileSync(join(place.path, STATUS_FILE), JSON.stringify({ ...idleStatus, pid: process.pid, connected: true }));
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  return {
    folder,
    stop: (drainSec: number) =>
      providerStop.run({ data: [place.path], drainTimeout: [String(drainSec)], json: ["true"] }, {}, ""),
    async [Symbol.asyncDispose]() {
      await folder[Symbol.asyncDispose]();
      place[Symbol.dispose]();
    },
  };
}

/** Goal: whoever stops a provider hears of its end at once. Method: one that ends at the signal. */
it("ends with the provider", async () => {
  await using provider = await running();
  const killed = vi.spyOn(process, "kill").mockImplementation(() => {
    void provider.folder[Symbol.asyncDispose]();
    return true;
  });
  expect(await provider.stop(600)).toBe(0);
  expect(killed).toHaveBeenCalledWith(process.pid, "SIGTERM");
});

/** Goal: a provider that does not end is told of. Method: one that goes on, and a clock at the last moment of its patience, then past it. */
it("gives a provider its drain and five seconds", async () => {
  await using provider = await running();
  vi.spyOn(process, "kill").mockReturnValue(true);
  const looks = [0, 15_000, 15_001];
  const clock = vi.spyOn(performance, "now").mockImplementation(() => looks.shift() ?? 15_001);
  await expect(provider.stop(10)).rejects.toThrow(`'kill -9 ${process.pid}' ends it at once`);
  clock.mockRestore();
  expect(looks).toEqual([]);
});

/** Goal: a file that cannot be meant is not read. Method: the longest chain that is, and one byte more. */
it.each([
  [256 * 1024, "There is no nonce for this folder yet"],
  [256 * 1024 + 1, "too large to be meant"],
])("of a chain of %i bytes says: %s", async (bytes, says) => {
  using place = temporaryFolder();
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const chain = join(place.path, "chain.pem");
  writeFileSync(chain, "");
  truncateSync(chain, bytes);
  const flags = { data: [join(place.path, "provider")], chain: [chain] };
  await expect(providerAttest.run(flags, {}, "")).rejects.toThrow(says);
});
