import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
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
import { openDataFolder } from "./data-folder.ts";

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

  /** Goal: missing rights are named. Method: folders without them; the superuser has all rights, so it is left out there. */
  it.skipIf(process.getuid?.() === 0)("refuses a folder that it may not write", async () => {
    const path = join(root, "readonly");
    mkdirSync(path);
    chmodSync(path, 0o500);
    for (const tried of [path, join(path, "below")])
      await expect(openDataFolder(tried, "coordinator")).rejects.toMatchObject({ code: "not_writable" });
  });
});
