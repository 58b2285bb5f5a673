import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { docOf } from "../build/docs.ts";
import { textIn, type Block } from "../src/pages/docs/tree.ts";

const root = join(import.meta.dirname, "../../..");
const ours = [...globSync("docs/*.md", { cwd: root }), "README.md", "SECURITY.md", "LIMITS.md", "CHANGELOG.md"];

/** Goal: what is written in the docs is read, and never run. Method: each page of ours, and one with what browsers would run. */
describe("the docs as they are built", () => {
  it.each(ours)("reads all of %s", (file) => {
    const { title, blocks } = docOf(readFileSync(join(root, file), "utf8"));
    expect(title).not.toBe("");
    expect(blocks.length).toBeGreaterThan(2);
  });

  it("has markup as text", () => {
    const { blocks } = docOf("# A <b>title</b>\n\n<script>alert(1)</script>\n\nA <img src=x onerror=alert(1)> `<i>`\n");
    expect(blocks.map(({ is }) => is)).toEqual(["heading", "paragraph", "paragraph"]);
    expect(blocks.map(textIn)).toEqual([
      "A <b>title</b>",
      "<script>alert(1)</script>",
      "A <img src=x onerror=alert(1)> <i>",
    ]);
  });

  it("names parts as GitHub does, each once", () => {
    const { blocks } = docOf("# One\n\n## What its owner sees, and does\n\n## One\n");
    const ids = blocks.flatMap((block: Block) => (block.is === "heading" ? [block.id] : []));
    expect(ids).toEqual(["one", "what-its-owner-sees-and-does", "one-1"]);
  });

  it("keeps lists, tables and code", () => {
    const { blocks } = docOf("- a\n- b\n\n| x | y |\n|---|---|\n| `1` | **2** |\n\n    npx darkbloom up\n");
    expect(blocks).toMatchObject([
      { is: "list", ordered: false },
      { is: "table", head: [["x"], ["y"]], rows: [[[{ is: "code", text: "1" }], [{ is: "strong" }]]] },
      { is: "code", text: "npx darkbloom up" },
    ]);
  });
});
