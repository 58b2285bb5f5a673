import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { openEdge } from "../../test/http-kit.ts";
import type { ConsoleView } from "./deps.ts";

const file = (type: string, text: string) => ({ type, plain: Buffer.from(text), gzip: gzipSync(text) });
const files = new Map([
  ["index.html", file("text/html; charset=utf-8", "<!doctype html><h1>built</h1>")],
  ["assets/a-1.js", file("text/javascript; charset=utf-8", "1")],
]);
const asBrowser = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

async function asked(
  state: ReturnType<ConsoleView["look"]>,
  path: string,
  headers: Record<string, string> = asBrowser,
) {
  const edge = await openEdge({ console: { look: () => state } });
  try {
    const response = await fetch(edge.origin + path, { headers });
    return { response, text: await response.text() };
  } finally {
    await edge[Symbol.asyncDispose]();
  }
}

/** Goal: a browser sees the console, or how far it is, and a program what it always saw. Method: each state of the build. */
describe("the console's addresses", () => {
  it.each([
    ["/docs", "/console/docs"],
    ["/deposit?done", "/console/credits?payment=done"],
    ["/deposit?cancelled", "/console/credits?payment=cancelled"],
  ])("lead on from %s", async (from, to) => {
    await using edge = await openEdge({ console: { look: () => ({ kind: "building", modules: 0 }) as const } });
    const response = await fetch(edge.origin + from, { redirect: "manual", headers: asBrowser });
    expect([response.status, response.headers.get("location")]).toEqual([303, to]);
  });

  it.each(["/", "/console", "/console/keys", "/console/docs/keys"])("are one page: %s", async (path) => {
    const { response, text } = await asked({ kind: "ready", files }, path);
    expect([response.status, text]).toEqual([200, expect.stringContaining("built")]);
    expect(response.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'/,
    );
    expect(response.headers.get("x-frame-options")).toBe("DENY");
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  it("say JSON to programs", async () => {
    const { response, text } = await asked({ kind: "ready", files }, "/", { accept: "*/*" });
    expect(response.headers.get("vary")).toBe("accept");
    expect(JSON.parse(text)).toMatchObject({ name: "Darkbloom coordinator" });
  });

  it("load again by themselves while it is being built", async () => {
    const { response, text } = await asked({ kind: "building", modules: 350 }, "/console");
    expect([response.status, response.headers.get("refresh")]).toEqual([503, "1"]);
    expect(text).toContain("350 modules");
  });

  it("say what to do where it could not be built", async () => {
    const { response, text } = await asked({ kind: "failed" }, "/console");
    expect([response.status, response.headers.get("refresh")]).toEqual([503, null]);
    expect(text).toContain("npm run build-console");
  });

  it("give files that never change", async () => {
    const { response, text } = await asked({ kind: "ready", files }, "/console/assets/a-1.js");
    expect([text, response.headers.get("content-encoding")]).toEqual(["1", "gzip"]);
    expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    const plain = await asked({ kind: "ready", files }, "/console/assets/a-1.js", { "accept-encoding": "identity" });
    expect([plain.text, plain.response.headers.get("content-encoding")]).toEqual(["1", null]);
    for (const path of ["/console/assets/b-2.js", "/console/assets/..%2findex.html"])
      expect((await asked({ kind: "ready", files }, path)).response.status).toBe(404);
    expect((await asked({ kind: "building", modules: 0 }, "/console/assets/a-1.js")).response.status).toBe(404);
  });
});
