import * as fc from "fast-check";
import { expect, it } from "vitest";
import { changedJson, changedText } from "../../test/changed.ts";
import { readRevocations } from "./revocations.ts";

/** Goal: a list is read whole or not at all, so that no entry is overlooked. Method: a good one, and one fault in each of the others. */
it.each([
  [{ at: "2026-01-02T03:04:05Z", identity_key_sha256: ["a".repeat(64)] }, true],
  [{ at: "2026-01-02T03:04:05Z", identity_key_sha256: [] }, true],
  [{ at: "2026-01-02", identity_key_sha256: [] }, false],
  [{ at: "2026-01-02T03:04:05Z", identity_key_sha256: ["A".repeat(64)] }, false],
  [{ at: "2026-01-02T03:04:05Z", identity_key_sha256: ["a".repeat(64), "b"] }, false],
  [{ at: "2026-01-02T03:04:05Z" }, false],
  [null, false],
])("reads %j: %s", (list, good) => {
  expect(readRevocations(JSON.stringify(list)) !== undefined).toBe(good);
});

it("reads no JSON as no list", () => {
  expect(readRevocations("{")).toBeUndefined();
  expect(readRevocations('{"at":"2026-01-02T03:04:05Z","identity_key_sha256":["')).toBeUndefined();
});

/** Goal: no text throws, and a list that is read is the whole of what was written. Method: a good one with something changed; any text and JSON. */
it("reads a text as the list that it is, or as none", () => {
  const good = { at: "2026-01-02T03:04:05Z", identity_key_sha256: ["a".repeat(64), "b".repeat(64)] };
  const texts = fc.oneof(
    changedJson(good).map((list) => JSON.stringify(list) ?? ""),
    changedText(JSON.stringify(good)),
    fc.json(),
    fc.string(),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const list = readRevocations(text);
      if (!list) return;
      const written = JSON.parse(text) as typeof good;
      expect([...list.identityKeySha256]).toEqual([...new Set(written.identity_key_sha256)]);
      // It is told in every verdict.
      expect(new Date(list.at).toISOString().slice(0, 19)).toBe(written.at.slice(0, 19));
    }),
    { numRuns: 500 },
  );
});
