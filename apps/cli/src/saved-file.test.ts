import { existsSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../test/binary.ts";
import { SAVED_BYTES_MAX, savedBytes } from "./saved-file.ts";

/** Goal: whatever file somebody hands over, it is read whole or refused, in bounded time and memory. Method: files as long as they may be and longer, one without an end, and what is none. */
it("reads as much as there can be, and no more", () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "answer.txt");
  for (const [bytes, told] of [
    [0, 0],
    [5, 5],
    [SAVED_BYTES_MAX, SAVED_BYTES_MAX],
    [SAVED_BYTES_MAX + 1, undefined],
  ] as const) {
    writeFileSync(file, "");
    // It takes no room: what was never written is read as zeros.
    truncateSync(file, bytes);
    if (told === undefined) expect(() => savedBytes(file)).toThrow(/is longer than a saved answer can be/);
    else expect(savedBytes(file).length).toBe(told);
  }
  writeFileSync(file, "HTTP/1.1 200 OK");
  expect(new TextDecoder().decode(savedBytes(file))).toBe("HTTP/1.1 200 OK");
});

it.skipIf(!existsSync("/dev/zero"))("comes to an end where a file does not", () => {
  expect(() => savedBytes("/dev/zero")).toThrow(/is longer than/);
});

it.each(["/nothing/here", import.meta.dirname])("says so of what it cannot read: %s", (path) => {
  expect(() => savedBytes(path)).toThrow(/is no file that this user can read/);
});
