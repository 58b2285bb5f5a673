import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { adminSocketOf, placeAdminSocket } from "./socket-path.ts";

const root = mkdtempSync(join(tmpdir(), "socket-"));
afterAll(() => rmSync(root, { recursive: true }));
const newFolder = (): string => mkdtempSync(join(root, "d-"));

/** Goal: a socket stands in its folder wherever it can. Method: folders whose socket's path is as long as it may be, and a byte longer; then a temporary folder that is no shorter. */
it("stands in the folder up to the longest path, and is refused where none is short enough", () => {
  const folderFor = (pathBytes: number): string => {
    const folder = join(root, "n".repeat(pathBytes - join(root, "/admin.sock").length - 1));
    mkdirSync(folder);
    return folder;
  };
  const longest = folderFor(103);
  using near = placeAdminSocket(longest);
  expect(near.path).toBe(join(longest, "admin.sock"));
  const longer = folderFor(104);
  {
    using elsewhere = placeAdminSocket(longer);
    expect(elsewhere.path).toMatch(/darkbloom-\w+\/admin\.sock$/);
  }
  vi.stubEnv("TMPDIR", longer);
  expect(() => placeAdminSocket(longer)).toThrow(/both too long for a socket \(103 bytes\)\. Choose a shorter --data/);
  vi.unstubAllEnvs();
  expect(readdirSync(longer)).toEqual([]);
});

/** Goal: nothing that is not ours is deleted, or talked to. Method: each thing that may stand in the socket's place. */
describe("what stands in the socket's place", () => {
  it("leaves another's file behind a link alone", () => {
    const folder = newFolder();
    const theirs = join(newFolder(), "admin.sock");
    writeFileSync(theirs, "theirs");
    symlinkSync(theirs, join(folder, "admin.sock"));
    expect(() => placeAdminSocket(folder)).toThrow(/is a link that Darkbloom did not make\. Remove it/);
    expect(() => adminSocketOf(folder)).toThrow(/is a link that Darkbloom did not make/);
    expect(readFileSync(theirs, "utf8")).toBe("theirs");
  });

  it("is not misled by a folder that has our name and is open to others", () => {
    const folder = newFolder();
    const open = join(newFolder(), "darkbloom-abc");
    mkdirSync(open);
    chmodSync(open, 0o777);
    symlinkSync(join(open, "admin.sock"), join(folder, "admin.sock"));
    expect(() => placeAdminSocket(folder)).toThrow(/did not make/);
  });

  it("leaves a file alone", () => {
    const folder = newFolder();
    writeFileSync(join(folder, "admin.sock"), "a file");
    expect(() => placeAdminSocket(folder)).toThrow(/no socket/);
    expect(readFileSync(join(folder, "admin.sock"), "utf8")).toBe("a file");
  });

  it("replaces what a dead coordinator of a long path left, and takes it away again", () => {
    const folder = join(newFolder(), "x".repeat(100));
    mkdirSync(folder);
    const first = placeAdminSocket(folder);
    expect(adminSocketOf(folder)).toBe(first.path);
    const second = placeAdminSocket(folder);
    expect(existsSync(join(first.path, ".."))).toBe(false);
    second[Symbol.dispose]();
    expect(lstatSync(join(folder, "admin.sock"), { throwIfNoEntry: false })).toBeUndefined();
  });
});
