import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildClient, CLIENT_KILOBYTES_MAX } from "../scripts/client/build.ts";

/** In two parts, since no source of ours may hold it. */
const EXPECTED = ["@ts", "expect", "error"].join("-");

/** What is published of the client, in a folder that has nothing else. */
const home = mkdtempSync(join(tmpdir(), "darkbloom-client-"));
const folder = join(home, "node_modules/@darkbloom/client");
let kilobytes = Infinity;
beforeAll(async () => {
  mkdirSync(join(folder, ".."), { recursive: true });
  ({ kilobytes } = await buildClient(folder));
}, 60_000);
afterAll(() => rmSync(home, { recursive: true, force: true }));

const others = (file: string): object => ({ deno: file, bun: file });
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

it("adds no more to a page than its bound", () => {
  expect(kilobytes).toBeLessThanOrEqual(CLIENT_KILOBYTES_MAX);
  // Whoever shortens it a lot lowers the bound.
  expect(kilobytes).toBeGreaterThan(CLIENT_KILOBYTES_MAX * 0.85);
});

/** Goal: nothing else has to be installed. Method: every import of every file leads to a file beside it. */
it("names no package, neither in its code nor in its types", () => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.(js|d\.ts)$/.test(name));
  const code = ["index.js", "shared.js", "unsafe.js"];
  const types = ["errors.d.ts", "index.d.ts", "types.d.ts", "unsafe.d.ts"];
  expect(files.toSorted()).toEqual([...types, ...code, ...code.map((name) => `node/${name}`)].toSorted());
  const beside = (file: string, name: string): boolean =>
    [name, name.replace(/\.js$/, ".d.ts")].some((one) => files.includes(join(dirname(file), one)));
  for (const file of files)
    for (const [, name = ""] of read(file).matchAll(/(?<![.\w])(?:from|import)\s*\(?"([^"]+)"/g))
      expect([file, name, beside(file, name)]).toEqual([file, name, !name.startsWith("node:")]);
  // A page has no module of Node's, and Node's files have its primitives and no bundler's stand-in for them.
  for (const name of code) expect(read(name)).not.toMatch(/(?:from |import\()["']node:/);
  expect(read("node/shared.js")).toMatch(/from "node:crypto"/);
  const { exports, dependencies, ...described } = JSON.parse(read("package.json")) as Record<string, unknown>;
  expect(described).toMatchObject({ name: "@darkbloom/client", type: "module", sideEffects: false });
  expect([exports, dependencies]).toEqual([
    {
      ".": { types: "./index.d.ts", ...others("./index.js"), node: "./node/index.js", default: "./index.js" },
      "./unsafe": {
        types: "./unsafe.d.ts",
        ...others("./unsafe.js"),
        node: "./node/unsafe.js",
        default: "./unsafe.js",
      },
    },
    undefined,
  ]);
});

it("runs where nothing else is installed", () => {
  const program = `
    import { createDarkbloom, DarkbloomError } from "@darkbloom/client";
    import { createUnsafeDarkbloom } from "@darkbloom/client/unsafe";
    const policy = { mode: "transparent", pins: ["SW-1"] };
    const darkbloom = createDarkbloom({ baseURL: "http://127.0.0.1:1/v1", apiKey: "k", policy });
    createUnsafeDarkbloom({ baseURL: "http://127.0.0.1:1", policy: { mode: "transparent", minTrust: "none" } });
    let refused = "";
    try { createDarkbloom({ baseURL: "http://127.0.0.1:1", policy: { mode: "transparent", minTrust: "none" } }); }
    catch (error) { refused = error.message; }
    const response = await darkbloom.fetch(darkbloom.openai.baseURL + "/chat/completions", {
      method: "POST", body: JSON.stringify({ model: "m" }),
    });
    const { error } = await darkbloom.verificationOf(response);
    console.log(JSON.stringify([darkbloom.openai.baseURL, darkbloom.anthropic.baseURL, error.code, refused, typeof DarkbloomError]));
  `;
  writeFileSync(join(home, "program.mjs"), program);
  const said = execFileSync(process.execPath, [join(home, "program.mjs")], { encoding: "utf8" });
  expect(JSON.parse(said)).toEqual([
    "http://127.0.0.1:1/v1",
    "http://127.0.0.1:1",
    "evidence_unavailable",
    "policy.minTrust must be self_signed or hardware",
    "function",
  ]);
});

it.each([
  ["a page's", ["es2024", "dom"]],
  ["Node's", ["es2024"]],
])("has types that need %s and no others", { timeout: 60_000 }, (_, lib) => {
  const types = lib.includes("dom") ? [] : ["node"];
  const program = `
    import { createDarkbloom, type Verification, type Policy } from "@darkbloom/client";
    const policy: Policy = { minTrust: "hardware" };
    const darkbloom = createDarkbloom({ baseURL: "https://x", policy, onVerified: ({ outcome }) => void outcome });
    const verification: Promise<Verification> = darkbloom.verificationOf(new Response());
    export const f: typeof fetch = darkbloom.fetch;
    export default verification;
    // ${EXPECTED} a level that only the unsafe door takes
    export const bad: Policy = { mode: "transparent", minTrust: "none" };
  `;
  writeFileSync(join(home, "program.ts"), program);
  const root = join(import.meta.dirname, "..");
  const typeRoots = [join(root, "node_modules/@types")];
  const compilerOptions = { strict: true, noEmit: true, module: "nodenext", target: "es2024", lib, types, typeRoots };
  writeFileSync(join(home, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["program.ts"] }));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  expect(execFileSync(process.execPath, [tsc, "-p", home], { encoding: "utf8" })).toBe("");
});
