import { expect, it } from "vitest";
import { chapters, leadsTo } from "./files.ts";

/** Goal: a link of the docs leads to a page here, to another site, or nowhere. Method: one of each, and one that a browser would run. */
it.each([
  ["keys.md", { page: "keys", part: "" }],
  ["../SECURITY.md#claims", { page: "security", part: "claims" }],
  ["docs/teams.md", { page: "teams", part: "" }],
  ["#here", { page: "", part: "here" }],
  ["https://c2sp.org/tlog-tiles", { url: "https://c2sp.org/tlog-tiles" }],
  ["../apps/coordinator/src/core.ts", undefined],
  ["../decisions/28-console.md", undefined],
  ["javascript:alert(1)", undefined],
  ["//evil.example/x.md", undefined],
])("leads %s to %o", (href, to) => expect(leadsTo(href)).toEqual(to));

it("has every page in one chapter", () => {
  const names = chapters.flatMap(({ pages }) => pages.map(({ name }) => name));
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(expect.arrayContaining(["readme", "keys", "write-a-provider", "changelog"]));
});
