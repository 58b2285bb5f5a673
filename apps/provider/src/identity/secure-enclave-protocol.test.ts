import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { HELPER_LINE_BYTES_MAX, HELPER_PROTOCOL, helperAnswers, helperErrors } from "./secure-enclave-protocol.ts";

const swift = readFileSync(new URL("../../native/secure-enclave.swift", import.meta.url), "utf8");
const all = (pattern: RegExp): string[] => [...swift.matchAll(pattern)].map(([, found = ""]) => found).toSorted();

/**
 * Goal: the program in Swift, which nothing here can run, speaks of the same things. Method: its requests,
 * error words, version and bound, as they stand in its text.
 */
it("has the words of the program in Swift", () => {
  expect(all(/case "(\w+)":/g)).toEqual(Object.keys(helperAnswers).toSorted());
  expect(all(/^ {4}case \w+ = "(\w+)"$/gm)).toEqual(helperErrors.toSorted());
  expect(swift).toContain(`let protocolVersion = ${HELPER_PROTOCOL}\n`);
  expect(swift).toContain(`let lineBytesMax = ${HELPER_LINE_BYTES_MAX / 1024} * 1024\n`);
});
