/**
 * Writes vectors/*.json: everything that is signed or sealed, worked out with known keys. Run it after
 * a change of the wire format, and look at what changed: `npm run vectors`. The tests compare the files
 * with what it would write, and with what a program in Python makes of them.
 *
 * A TPM's evidence is recorded where vectors/tpm.json is not there, for which swtpm must be.
 */
import { existsSync, writeFileSync } from "node:fs";
import { committedTpms, tpmVectorFile } from "../packages/protocol/test/tpm-vectors.ts";
import { vectorFile } from "../packages/protocol/test/vector-file.ts";
import { committedSignature, makeVectors, vectorText } from "../packages/protocol/test/vectors.ts";
import { recordTpm } from "../packages/testkit/test/record-tpm.ts";

const tpms = existsSync(tpmVectorFile) ? committedTpms() : [await recordTpm("rsa"), await recordTpm("ecc")];
for (const [name, vector] of Object.entries(await makeVectors(committedSignature, tpms)))
  writeFileSync(vectorFile(name), vectorText(vector));
