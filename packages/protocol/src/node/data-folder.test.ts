import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { openDataFolder, readPrivateFile } from "./data-folder.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "folder-")));
afterAll(() => rmSync(root, { recursive: true }));
const newPath = (): string => join(mkdtempSync(join(root, "p-")), "a", "data");
const modeOf = (path: string): number => statSync(path).mode & 0o777;

const moduleUrl = new URL("./data-folder.ts", import.meta.url);
const holder = `
  const { openDataFolder } = await import(${JSON.stringify(moduleUrl.href)});
  await openDataFolder(process.argv[1], "coordinator");
  process.stdout.write("held");
  setInterval(() => undefined, 1000);
`;

describe("a data folder", () => {
  /** Goal: nobody else can read what is in it. Method: the modes of the folder and of every file, under a umask that allows all. */
  it("is private", async () => {
    const path = newPath();
    const umask = process.umask(0);
    try {
      await using folder = await openDataFolder(path, "coordinator");
      folder.write("key.pem", "secret");
      folder.touch("data.db");
      expect(modeOf(path)).toBe(0o700);
      for (const name of readdirSync(path)) expect(modeOf(join(path, name)), name).toBe(0o600);
    } finally {
      process.umask(umask);
    }
  });

  /** Goal: files are read as they were written, whole. Method: write, replace, read, and a file that is not there. */
  it("keeps files", async () => {
    await using folder = await openDataFolder(newPath(), "coordinator");
    expect(folder.read("a.txt")).toBeUndefined();
    folder.write("a.txt", "one");
    folder.write("a.txt", new TextEncoder().encode("zwei ü"));
    expect(folder.read("a.txt")?.toString("utf8")).toBe("zwei ü");
    folder.touch("a.txt");
    expect(folder.read("a.txt")?.toString("utf8")).toBe("zwei ü");
    expect(readdirSync(folder.path).toSorted()).toEqual(["a.txt", "lock.db"]);
  });

  /** Goal: one user at a time, by whatever path. Method: open again directly and through a link; then after the first has gone. */
  it("refuses a second user", async () => {
    const path = newPath();
    const link = join(root, "link");
    symlinkSync(path, link);
    {
      await using folder = await openDataFolder(path, "coordinator");
      expect(folder.path).toBe(path);
      for (const other of [path, link])
        await expect(openDataFolder(other, "coordinator")).rejects.toMatchObject({
          code: "in_use",
          message: `The data folder ${path} is in use by another coordinator. Stop that one, or choose another folder with --data.`,
        });
    }
    await using again = await openDataFolder(link, "coordinator");
    expect(again.path).toBe(path);
  });

  /** Goal: a killed process frees its folder. Method: another process holds it, is killed with SIGKILL, and we open it. */
  it("is freed by kill -9", async () => {
    const path = newPath();
    const child = spawn(process.execPath, ["--input-type=module", "-e", holder, path], {
      stdio: ["ignore", "pipe", "ignore"],
      cwd: fileURLToPath(new URL(".", import.meta.url)),
    });
    const exited = once(child, "exit");
    await once(child.stdout, "data");
    await expect(openDataFolder(path, "coordinator")).rejects.toMatchObject({ code: "in_use" });
    child.kill("SIGKILL");
    await exited;
    await using _ = await openDataFolder(path, "coordinator");
  });

  /** Goal: a path that cannot serve is refused with a way out. Method: a file, a path below a file. */
  it("refuses a file", async () => {
    const file = join(root, "file");
    writeFileSync(file, "");
    for (const path of [file, join(file, "below")])
      await expect(openDataFolder(path, "coordinator")).rejects.toMatchObject({
        name: "DataFolderError",
        code: "not_a_folder",
        message: expect.stringMatching(
          /a file stands where a folder is needed\. Move the file away, or choose another/,
        ),
      });
  });

  /** Goal: what others can change is not trusted. Method: a folder and a file with each write bit; mended, both open. */
  it("refuses what other users can write", async () => {
    const path = newPath();
    for (const bits of [0o020, 0o002]) {
      mkdirSync(path, { recursive: true });
      chmodSync(path, 0o700 | bits);
      await expect(openDataFolder(path, "coordinator")).rejects.toMatchObject({
        code: "not_private",
        message: expect.stringContaining(`chmod 700 ${path}`),
      });
      chmodSync(path, 0o755);
      await using folder = await openDataFolder(path, "coordinator");
      folder.write("key.pem", "secret");
      chmodSync(join(path, "key.pem"), 0o600 | bits);
      for (const open of [() => folder.read("key.pem"), () => folder.touch("key.pem")])
        expect(open).toThrow(expect.objectContaining({ code: "not_private" }));
      chmodSync(join(path, "key.pem"), 0o600);
      expect(folder.read("key.pem")?.toString()).toBe("secret");
    }
  });

  /** Goal: what others could read they can read no longer. Method: a file of mode 0644; read it, look at its mode. */
  it("takes reading away from other users", async () => {
    await using folder = await openDataFolder(newPath(), "coordinator");
    writeFileSync(folder.file("a.txt"), "a", { mode: 0o644 });
    expect(folder.read("a.txt")?.toString()).toBe("a");
    expect(modeOf(folder.file("a.txt"))).toBe(0o600);
  });

  /** Goal: nothing outside the folder is read or written. Method: a link and a folder in a file's place, and a link in the lock's. */
  it("follows no link, and opens files alone", async () => {
    const path = newPath();
    const outside = join(root, "outside");
    writeFileSync(outside, "theirs");
    {
      await using folder = await openDataFolder(path, "coordinator");
      symlinkSync(outside, folder.file("link"));
      mkdirSync(folder.file("sub"));
      for (const open of [() => folder.read("link"), () => folder.touch("link")])
        expect(open).toThrow(/is a link, and links in a data folder are not followed/);
      expect(() => folder.read("sub")).toThrow(/stands something that is no file/);
      folder.write("link", "ours");
    }
    expect(readFileSync(outside, "utf8")).toBe("theirs");
    rmSync(join(path, "lock.db"));
    symlinkSync(outside, join(path, "lock.db"));
    await expect(openDataFolder(path, "coordinator")).rejects.toMatchObject({ code: "not_private" });
  });

  /** Goal: a full disk is named. Method: a file system that has no room, where this user may mount one. */
  it("says that the disk is full", async (context) => {
    const path = newPath();
    mkdirSync(path, { recursive: true });
    const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", path]);
    if (mount.status !== 0) return context.skip("no tmpfs can be mounted here");
    try {
      await using folder = await openDataFolder(path, "coordinator");
      expect(() => folder.write("big", Buffer.alloc(100_000))).toThrow(
        expect.objectContaining({ code: "disk_full", message: expect.stringMatching(/is full\. Make room/) }),
      );
      expect(readdirSync(path)).toEqual(["lock.db"]);
    } finally {
      spawnSync("umount", ["-l", path]);
    }
  });

  /** Goal: missing rights are named. Method: folders without them; the superuser has all rights, so it is left out there. */
  it.skipIf(process.getuid?.() === 0)("refuses a folder that it may not write", async () => {
    const path = join(root, "readonly");
    mkdirSync(path);
    chmodSync(path, 0o500);
    for (const tried of [path, join(path, "below")])
      await expect(openDataFolder(tried, "coordinator")).rejects.toMatchObject({ code: "not_writable" });
  });
});

describe("an owner", () => {
  const asRoot = it.skipIf(process.geteuid?.() !== 0);

  /** Goal: what another user could change is not used, and files of ours lock nobody out. Method: a folder and a file of user 12345. */
  asRoot("that is another user is refused", async () => {
    const path = newPath();
    {
      await using folder = await openDataFolder(path, "coordinator");
      folder.write("key.pem", "secret");
      chownSync(join(path, "key.pem"), 12_345, 12_345);
      const refused = {
        code: "not_private",
        message: expect.stringMatching(/file .*belongs to another user \(12345; this is 0\)/),
      };
      expect(() => folder.read("key.pem")).toThrow(expect.objectContaining(refused));
      expect(() => folder.touch("key.pem")).toThrow(expect.objectContaining(refused));
    }
    chownSync(path, 12_345, 12_345);
    await expect(openDataFolder(path, "coordinator")).rejects.toMatchObject({
      code: "not_private",
      message: expect.stringMatching(/^The data folder .*belongs to another user .*chown -R 0/),
    });
  });

  /** Goal: files that the superuser left are read. Method: a process of another user that reads a file of root's, and one of a third user. */
  asRoot("that is the superuser is taken", () => {
    const folder = mkdtempSync(join(root, "shared-"));
    chmodSync(root, 0o755);
    chmodSync(folder, 0o755);
    const files = ["of-root", "of-third"].map((name) => join(folder, name));
    for (const file of files) writeFileSync(file, "words", { mode: 0o644 });
    chownSync(files[1] ?? "", 12_346, 12_346);
    const setEffectiveUser = (id: number) => process.seteuid?.(id);
    setEffectiveUser(12_345);
    try {
      // Only its owner can take away what others may read.
      expect(() => readPrivateFile(files[0] ?? "")).toThrow(/EPERM|cannot be/);
      expect(() => readPrivateFile(files[1] ?? "")).toThrow(/belongs to another user \(12346; this is 12345\)/);
    } finally {
      setEffectiveUser(0);
    }
  });
});
