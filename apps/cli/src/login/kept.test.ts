import { statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { temporaryFolder } from "../../test/binary.ts";
import { CommandFailed, WrongUsage } from "../failure.ts";
import { KeptSessions } from "./kept.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const coordinator = new URL("https://coordinator.example/below");
const SESSION = "darkbloom-session-x";

/** Goal: a session is found again for its own coordinator and no other. Method: keep one, and look for it under each URL that is another. */
it("keeps a session for one coordinator", async () => {
  using folder = temporaryFolder();
  const kept = new KeptSessions(folder.path);
  expect(kept.at(coordinator)).toBeUndefined();
  await kept.keep(coordinator, SESSION);
  expect(kept.at(coordinator)).toBe(SESSION);
  expect(kept.at(new URL(`${coordinator.href}/`))).toBe(SESSION);
  expect(statSync(kept.fileOf(coordinator)).mode & 0o777).toBe(0o600);
  for (const other of [
    "https://coordinator.example",
    "https://coordinator.example:444/below",
    "https://other.example/below",
  ])
    expect(kept.at(new URL(other))).toBeUndefined();
  kept.forget(coordinator);
  kept.forget(coordinator);
  expect(kept.at(coordinator)).toBeUndefined();
});

/** Goal: what is not a session of this coordinator is never sent there. Method: each line of the file changed. */
it.each([
  ["another coordinator's", `https://other.example/\n${SESSION}\n`],
  ["no session", `${coordinator.href}/\neigeninference-key\n`],
  ["one line", `${coordinator.href}/`],
  ["nothing", ""],
])("takes no file that holds %s", async (_what, content) => {
  using folder = temporaryFolder();
  const kept = new KeptSessions(folder.path);
  await kept.assertWritable();
  writeFileSync(kept.fileOf(coordinator), content, { mode: 0o600 });
  expect(() => kept.at(coordinator)).toThrow(/ is damaged\. Delete it/);
});

/** Goal: no session is looked for where it could not be sent. Method: a coordinator in clear. */
it("refuses a coordinator in clear", () => {
  using folder = temporaryFolder();
  expect(() => new KeptSessions(folder.path).at(new URL("http://192.0.2.1"))).toThrow(WrongUsage);
});

/** Goal: nobody is asked for a session that could not be kept. Method: a file where the folder should be. */
it("says why none can be kept", async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, "sessions"), "");
  const kept = new KeptSessions(folder.path);
  await expect(kept.assertWritable()).rejects.toThrow(/^No session can be kept in .* \(not_a_folder\)/);
  await expect(kept.assertWritable()).rejects.toThrow(CommandFailed);
  await expect(kept.keep(coordinator, SESSION)).rejects.toThrow("(not_a_folder)");
});

/** Goal: sessions are kept where the user keeps such things. Method: the variable that says where, unset, relative and absolute. */
it.each([
  ["", join(homedir(), ".config")],
  ["relative", join(homedir(), ".config")],
  ["/absolute", "/absolute"],
])("with $XDG_CONFIG_HOME %j keeps sessions below %s", (named, folder) => {
  vi.stubEnv("XDG_CONFIG_HOME", named);
  expect(dirname(new KeptSessions(undefined).fileOf(coordinator))).toBe(join(folder, "darkbloom", "sessions"));
});

/** Goal: a coordinator's name makes no path of its own, and a file's name that every disk takes. Method: an address with colons, and the longest host. */
it.each([
  ["http://[::1]:8080", /^1-[\da-f]{16}$/],
  [`https://${"a".repeat(63)}.${"b".repeat(63)}`, /^a{63}\.-[\da-f]{16}$/],
])("names the file of %s", (url, name) => {
  expect(basename(new KeptSessions("/x").fileOf(new URL(url)))).toMatch(name);
});
