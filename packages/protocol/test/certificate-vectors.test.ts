import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fromBase64, fromHex } from "../src/bytes.ts";
import { mdaChecks } from "../src/evidence/index.ts";
import { pathFaults, verifyPath, type PathFault } from "../src/x509/index.ts";
import { nodeCrypto } from "../src/node/index.ts";
import { pinnedByItself } from "./keys.ts";
import { vectorFile } from "./vector-file.ts";

interface Chains {
  readonly now: string;
  readonly root: string;
  readonly cases: readonly { readonly about: string; readonly refused: PathFault | null; readonly chain: string[] }[];
}
interface Mda {
  readonly identity_key: string;
  readonly random: string;
  readonly serial: string;
  readonly chain: string[];
}
const read = (name: string): unknown => JSON.parse(readFileSync(vectorFile(name), "utf8"));
const chains = read("certificate-path") as Chains;
const now = Date.parse(chains.now);
const root = fromBase64(chains.root);

/** Goal: the committed chains are what this code says of them, in words that Python comes to as well. Method: follow each. */
describe("the chains among the test vectors", () => {
  it.each(chains.cases.map(({ about, refused, chain }) => [about, refused, chain] as const))(
    "%s: %s",
    async (_, refused, chain) => {
      const rules = { criticalExtensions: [], leafMayBeCa: false };
      const path = await verifyPath(nodeCrypto, chain.map(fromBase64), [root], now, rules);
      expect("refused" in path ? path.refused : null).toBe(refused);
    },
  );

  it("name every fault but those of size and purpose", () => {
    const named = new Set(chains.cases.map(({ refused }) => refused));
    expect(pathFaults.filter((fault) => !named.has(fault))).toEqual(["size", "purpose"]);
  });

  it("have one in Apple's shape, which passes", async () => {
    const mda = read("apple-mda") as Mda;
    const checks = await mdaChecks(
      nodeCrypto,
      { chain: mda.chain.map(fromBase64), random: fromHex(mda.random) },
      { identityKey: fromBase64(mda.identity_key), serial: mda.serial },
      { appleRoots: [pinnedByItself(root)] },
      now,
    );
    const passed = checks.filter(({ status }) => status === "pass").map(({ id }) => id.replace("apple.mda.", ""));
    expect(passed).toEqual(["path", "algorithm", "serial", "freshness", "sip", "secure_boot", "kext"]);
  });
});
