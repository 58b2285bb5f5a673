import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { committedTpms } from "./tpm-vectors.ts";
import { vectorFile, vectorsFolder } from "./vector-file.ts";
import { committedSignature, makeVectors, vectorText } from "./vectors.ts";

const python = process.env["DARKBLOOM_TEST_PYTHON"];
const run = promisify(execFile);
const vectors = await makeVectors(committedSignature, committedTpms());

/** Goal: nobody who follows the files is led astray. Method: make them again; have a stranger to this code check them. */
describe("the test vectors", () => {
  it.each(Object.entries(vectors))("%s.json is what the code makes", (name, vector) => {
    expect(readFileSync(vectorFile(name), "utf8"), "after a change that is meant: npm run vectors").toBe(
      vectorText(vector),
    );
  });

  it("are all there, and nothing else is", () => {
    const files = readdirSync(vectorsFolder).filter((file) => file.endsWith(".json"));
    expect(files.toSorted()).toEqual(
      Object.keys(vectors)
        .map((name) => `${name}.json`)
        .toSorted(),
    );
  });

  it.skipIf(python === undefined)("satisfy a program in Python (needs DARKBLOOM_TEST_PYTHON)", async () => {
    const program = join(import.meta.dirname, "check_vectors.py");
    const { stdout } = await run(python ?? "", [program, fileURLToPath(vectorsFolder)]);
    expect(stdout.trim().split("\n").toSorted()).toEqual(
      Object.keys(vectors)
        .map((name) => `${name}.json: good`)
        .toSorted(),
    );
  });
});
