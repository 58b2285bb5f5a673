/**
 * Writes vectors/*.json: everything that is signed or sealed, worked out with known keys. Run it after
 * a change of the wire format, and look at what changed: `node scripts/make-vectors.ts`. The tests
 * compare the files with what it would write, and with what a program in Python makes of them.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { makeVectors } from "../packages/protocol/test/vectors.ts";

const fileOf = (name: string): URL => new URL(`../vectors/${name}.json`, import.meta.url);

function knownSignature(name: string): string | undefined {
  if (!existsSync(fileOf(name))) return undefined;
  const held = JSON.parse(readFileSync(fileOf(name), "utf8")) as { signature?: string };
  return held.signature;
}

for (const [name, vector] of Object.entries(makeVectors(knownSignature)))
  writeFileSync(fileOf(name), `${JSON.stringify(vector, null, 2)}\n`);
