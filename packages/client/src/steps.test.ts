import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { isKnown, stepOf } from "./steps.ts";

/** Goal: no check stands in a document without what it claims. Method: every name of a check in the sources that make them. */
it("knows what every check claims, and on whose word it stands", () => {
  const protocol = join(import.meta.dirname, "../../protocol/src");
  const folders = [join(protocol, "evidence"), join(protocol, "receipts"), import.meta.dirname];
  const ids = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
      .flatMap((name) => [
        ...readFileSync(join(folder, name), "utf8").matchAll(
          /(?:checks\.)?\b(?:pass|fail|unknown|either|decided|compared|notGiven)\(\s*"([a-z_]+\.[a-z_.]+)"/g,
        ),
      ])
      .map(([, id]) => id ?? ""),
  );
  expect(new Set(ids).size).toBeGreaterThan(35);
  expect(ids.filter((id) => !isKnown(id))).toEqual([]);
});

it.each([
  ["tpm.quote.nonce", "hardware"],
  ["tpm.activation", "coordinator"],
  ["apple.mda.path", "hardware"],
  ["posture.now.sip", "provider"],
  ["software.identity", "provider"],
  ["receipt.words", "provider"],
  ["receipt.signature", "verifier"],
  ["answer.error", "coordinator"],
])("says of %s that it is shown by the %s", (id, source) => {
  expect(stepOf({ id, status: "pass", seen: "", remedy: "" }).source).toBe(source);
});
