import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown, type RolldownOutput } from "rolldown";

const root = join(import.meta.dirname, "../..");
const source = join(root, "packages/client");

/** What a page may have to load for it. */
export const CLIENT_KILOBYTES_MAX = 86;

/** What of a package's description concerns whoever installs it. */
interface Described {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly engines: object;
}

/**
 * Puts the package together: its code and that of the packages it is made of in one file for each door, once for pages and once for
 * Node, its types, and a description that names neither workspace nor source. Whoever installs it installs nothing else.
 */
export async function buildClient(folder: string): Promise<{ readonly folder: string; readonly kilobytes: number }> {
  rmSync(folder, { recursive: true, force: true });
  const described = JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as Described;
  const doors = Object.values(described.exports).map((file) => file.replace(/^\.\/src\/(.*)\.ts$/, "$1"));
  await bundled(doors, { dir: folder });
  await bundled(doors, { dir: join(folder, "node"), platform: "node" });
  writeTypes(doors, folder);
  const { name, version, engines, exports, ...rest } = described;
  const filesOf = (door = ""): object => {
    const inPages = `./${door}.js`;
    // These two take Node's files for theirs and have not all that is in Node's `node:crypto`.
    const others = { deno: inPages, bun: inPages };
    return { types: `./${door}.d.ts`, ...others, node: `./node/${door}.js`, default: inPages };
  };
  const published = {
    name,
    version,
    ...without(rest, ["private", "imports", "dependencies", "devDependencies"]),
    engines,
    exports: Object.fromEntries(Object.keys(exports).map((door, at) => [door, filesOf(doors[at])])),
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
  cpSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  cpSync(join(root, "docs/client.md"), join(folder, "README.md"));
  return { folder, kilobytes: await kilobytesOf("index") };
}

/** Minified and compressed, as a page loads it. */
async function kilobytesOf(door: string): Promise<number> {
  const { output } = await bundled([door], { minify: true });
  return gzipSync(output.map((part) => (part.type === "chunk" ? part.code : "")).join(""), { level: 9 }).length / 1000;
}

async function bundled(
  doors: readonly string[],
  how: { readonly dir?: string; readonly minify?: boolean; readonly platform?: "browser" | "node" },
): Promise<RolldownOutput> {
  await using bundle = await rolldown({
    input: Object.fromEntries(doors.map((door) => [door, join(source, "src", `${door}.ts`)])),
    platform: how.platform ?? "browser",
    // No module here does anything by being loaded.
    treeshake: { moduleSideEffects: false },
    logLevel: "warn",
  });
  const options = { format: "esm", chunkFileNames: "shared.js", minify: how.minify ?? false } as const;
  return how.dir === undefined ? await bundle.generate(options) : await bundle.write({ ...options, dir: how.dir });
}

/** Of the doors and of what they name; nothing of it comes from another package. */
function writeTypes(doors: readonly string[], folder: string): void {
  const scratch = mkdtempSync(join(tmpdir(), "darkbloom-types-"));
  try {
    const config = {
      extends: join(root, "tsconfig.json"),
      compilerOptions: {
        noEmit: false,
        declaration: true,
        emitDeclarationOnly: true,
        rewriteRelativeImportExtensions: true,
        rootDir: join(root, "packages"),
        outDir: scratch,
        typeRoots: [join(root, "node_modules/@types")],
      },
      include: [],
      files: doors.map((door) => join(source, "src", `${door}.ts`)),
    };
    writeFileSync(join(scratch, "tsconfig.json"), JSON.stringify(config));
    execFileSync(process.execPath, [
      join(root, "node_modules/typescript/bin/tsc"),
      "-p",
      join(scratch, "tsconfig.json"),
    ]);
    for (const name of [...doors, "types", "errors"]) {
      const types = readFileSync(join(scratch, "client/src", `${name}.d.ts`), "utf8");
      writeFileSync(join(folder, `${name}.d.ts`), types.replaceAll(/(from "\.\/\w+)\.ts"/g, '$1.js"'));
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const without = (from: object, names: readonly string[]): object =>
  Object.fromEntries(Object.entries(from).filter(([name]) => !names.includes(name)));
