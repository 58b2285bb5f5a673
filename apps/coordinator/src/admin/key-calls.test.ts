import { expect, it } from "vitest";
import { KEY_OVERLAP_MS_MAX } from "../accounts/key-admin.ts";
import { keyCalls } from "./key-calls.ts";

const { body } = keyCalls.rotateKey;

/** Goal: a secret that is replaced goes on for no longer than it may, whoever asks at the socket. Method: each end of the bound, and a step beyond. */
it.each([
  [0, true],
  [KEY_OVERLAP_MS_MAX, true],
  [KEY_OVERLAP_MS_MAX + 1, false],
  [-1, false],
  [0.5, false],
  ["1", false],
])("an overlap of %j is taken: %j", (overlap_ms, isTaken) => {
  expect(body.safeParse({ key_id: "key_1", overlap_ms }).success).toBe(isTaken);
});
