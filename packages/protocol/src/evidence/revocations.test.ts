import { expect, it } from "vitest";
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
