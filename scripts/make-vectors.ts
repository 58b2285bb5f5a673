/**
 * Writes vectors/*.json: everything that is signed or sealed, worked out with known keys. Run it after
 * a change of the wire format, and look at what changed: `npm run vectors`. The tests compare the files
 * with what it would write, and with what a program in Python makes of them.
 */
import { writeFileSync } from "node:fs";
import { committedSignature, makeVectors, vectorFile, vectorText } from "../packages/protocol/test/vectors.ts";

for (const [name, vector] of Object.entries(makeVectors(committedSignature)))
  writeFileSync(vectorFile(name), vectorText(vector));
