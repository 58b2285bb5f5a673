import { LOCAL_SECRET_FILE } from "@darkbloom/coordinator/adapters/local-secret";
import { STATUS_SILENT_MS, type ProviderStatus } from "@darkbloom/provider/files/status-file";
import { expect, it } from "vitest";
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataFolder } from "@darkbloom/protocol/node";
import {
  JOIN_TOKEN_FILE,
  localSecret,
  providerFolder,
  runningElsewhere,
  savedToken,
  whyNotEarning,
} from "./machine-folder.ts";
import { idleStatus as status } from "../test/provider-status.ts";
import { PROVIDERS_MAX } from "./settings.ts";

const checks = [{ id: "blob.fresh", status: "fail" as const, seen: "300 s old", remedy: "Set the clock." }];

/** Goal: the one reason that is told is the one that the owner can mend. Method: a row for each state. */
it.each<[Partial<ProviderStatus>, string | undefined]>([
  [{ connected: true, eligible: true }, undefined],
  [{}, "It has not reached the coordinator http://c yet."],
  [
    { lost: "unreachable", checks },
    "The coordinator cannot be reached. Check the URL, the network and that the coordinator runs. It keeps trying.",
  ],
  [
    { lost: "refused" },
    expect.stringMatching(/^The coordinator refuses this machine's registration\..* It keeps trying\.$/),
  ],
  [{ lost: "no_coordinator" }, expect.stringContaining("it is no coordinator. Check the URL.")],
  [
    { lost: "upgrade_lost" },
    expect.stringContaining("lets no WebSocket through. Its operator has to pass on the upgrade"),
  ],
  [{ lost: "certificate_untrusted" }, expect.stringContaining("set NODE_EXTRA_CA_CERTS to a file")],
  [{ lost: "toString" }, "The connection was lost. It keeps trying."],
  [{ lost: "token_missing" }, expect.stringContaining("none was given.")],
  [{ lost: "token_refused" }, expect.stringContaining("does not take this join token")],
  [{ lost: "of a newer version" }, "The connection was lost. It keeps trying."],
  [{ lost: "refused", checks }, "The check blob.fresh fails: 300 s old. Set the clock."],
  [{ connected: true, checks }, "The check blob.fresh fails: 300 s old. Set the clock."],
  [
    { connected: true, eligible: true, engine: "restarting", engine_reason: "It hung." },
    "Its model is being started again: It hung.",
  ],
  [
    { connected: true, eligible: true, engine: "failed", engine_reason: "It swells." },
    "Its model was given up: It swells.",
  ],
  [
    { connected: true, eligible: true, engine: "restarting", engine_reason: null },
    "Its model is being started again: its process ended.",
  ],
  [{ connected: true }, "The coordinator has not confirmed the answer to its challenge yet."],
])("of %j is: %s", (changed, reason) => {
  expect(whyNotEarning({ ...status, ...changed }, Date.parse(status.at))).toEqual(reason);
});

/** Goal: a provider that was frozen never "may earn". Method: the same good status, fresh and old, and from a clock ahead. */
it.each([
  [0, undefined],
  [STATUS_SILENT_MS, undefined],
  [-60_000, undefined],
  [
    STATUS_SILENT_MS + 1,
    "It was last seen 2026-01-01T00:00:00.000Z: its process 1 hangs, or cannot write to its disk. 'kill -9 1' ends it.",
  ],
])("of a status of %s ms is: %s", (ageMs, reason) => {
  const good = { ...status, connected: true, eligible: true };
  expect(whyNotEarning(good, Date.parse(good.at) + ageMs)).toBe(reason);
});

/**
 * Goal: whoever names the wrong folder of a network is told the right one. Method: a folder as `up` makes it, with one
 * provider that runs, one that crashed and one that stopped; then a second one that runs.
 */
it("names the folder beside or inside this one on which a provider runs", async () => {
  const network = mkdtempSync(join(tmpdir(), "darkbloom-cli-"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rmSync(network, { recursive: true }));
  const folders = [1, 2, 3].map((number) => join(network, `provider-${number}`));
  for (const [at, folder] of folders.entries()) {
    mkdirSync(folder);
    writeFileSync(join(folder, "status.json"), at === 2 ? "" : JSON.stringify(status));
  }
  const [first = "", second = ""] = folders;
  expect(await runningElsewhere(network)).toBeUndefined();
  cleanup.use(await openDataFolder(first, "provider"));
  for (const asked of [network, join(network, "provider"), second])
    expect(await runningElsewhere(asked)).toBe(`One runs on ${first}: --data ${first}`);
  cleanup.use(await openDataFolder(second, "provider"));
  expect(await runningElsewhere(network)).toBe(`These run: --data ${first}, --data ${second}`);
});

/** Goal: every provider that `up` can start is found, and no folder beyond them is looked for. Method: the last of them, and one more. */
it.each([
  [PROVIDERS_MAX, true],
  [PROVIDERS_MAX + 1, false],
])("looks for provider %i: %s", async (number, isFound) => {
  const network = mkdtempSync(join(tmpdir(), "darkbloom-cli-"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rmSync(network, { recursive: true }));
  const folder = join(network, providerFolder(number));
  mkdirSync(folder);
  writeFileSync(join(folder, "status.json"), JSON.stringify(status));
  cleanup.use(await openDataFolder(folder, "provider"));
  expect(await runningElsewhere(network)).toBe(isFound ? `One runs on ${folder}: --data ${folder}` : undefined);
});

/** Goal: a secret that somebody else could have put there is not shown to anybody. Method: a file, a link to it, one that others can write, none. */
it("reads secrets from files of our own only", () => {
  const data = mkdtempSync(join(tmpdir(), "secrets-"));
  try {
    const file = join(data, JOIN_TOKEN_FILE);
    expect(savedToken(data)).toBeUndefined();
    writeFileSync(file, " token \n", { mode: 0o600 });
    expect(savedToken(data)).toBe("token");
    chmodSync(file, 0o666);
    expect(() => savedToken(data)).toThrow(/can be written by other users/);
    renameSync(file, join(data, "elsewhere"));
    chmodSync(join(data, "elsewhere"), 0o600);
    symlinkSync("elsewhere", file);
    expect(() => savedToken(data)).toThrow(/is a link, and links in a data folder are not followed/);
    symlinkSync("elsewhere", join(data, LOCAL_SECRET_FILE));
    expect(() => localSecret(data)).toThrow(/is a link/);
    rmSync(join(data, LOCAL_SECRET_FILE));
    expect(() => localSecret(data)).toThrow(/There is no local-secret that this user can read/);
  } finally {
    rmSync(data, { recursive: true });
  }
});
