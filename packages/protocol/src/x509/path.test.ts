import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ca, certify, testKeys, type CertificatePlan, type KindOfKey, type Party } from "../../test/certificates.ts";
import { changedBytes } from "../../test/changed.ts";
import { startMs } from "../../test/samples.ts";
import { equalBytes, fromHex, toHex } from "../bytes.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { CERTIFICATE_BYTES_MAX, parseCertificate } from "./certificate.ts";
import { pathFaults, verifyPath, type Path, type PathFault, type PathRules } from "./path.ts";

const party = async (name: string, kind: KindOfKey): Promise<Party> => ({ name, keys: await testKeys(kind) });
const root = await party("CN=Root CA, O=Test", "p384");
const middle = await party("CN=Middle CA, O=Test", "p384");
const leaf = await party("CN=Machine", "p256");
const stranger = await party(root.name, "p384");

const rules: PathRules = { criticalExtensions: [], leafMayBeCa: false };
const ofRoot: CertificatePlan = { subject: root, issuer: root, ...ca };
const ofMiddle: CertificatePlan = { subject: middle, issuer: root, ...ca };
const ofLeaf: CertificatePlan = { subject: leaf, issuer: middle, keyUsage: "digitalSignature" };
const rootDer = await certify(ofRoot);
const middleDer = await certify(ofMiddle);
const leafDer = await certify(ofLeaf);
const chain = [leafDer, middleDer];

const follow = (given: readonly Uint8Array[], change: Partial<PathRules> = {}, now = startMs): Promise<Path> =>
  verifyPath(nodeCrypto, given, [rootDer], now, { ...rules, ...change });
const wordOf = (path: Path): PathFault | "good" => ("refused" in path ? path.refused : "good");

const changedLeaf = async (change: Partial<CertificatePlan>) => [await certify({ ...ofLeaf, ...change }), middleDer];
const changedMiddle = async (change: Partial<CertificatePlan>) => [leafDer, await certify({ ...ofMiddle, ...change })];

/** The certificate with the last (outer) or the first (signed) of its algorithm identifiers changed. */
function withAlgorithm(der: Uint8Array, from: string, to: string): Uint8Array {
  const text = toHex(der);
  const at = text.lastIndexOf(from);
  return fromHex(text.slice(0, at) + to + text.slice(at + from.length));
}
const ECDSA_SHA256 = "06082a8648ce3d040302";
const ECDSA_SHA384 = "06082a8648ce3d040303";

const NAME_CONSTRAINTS = "2.5.29.30";
const PURPOSE = "2.23.133.8.1";
const unknownCritical = { extensions: [{ oid: "1.2.3.4", critical: true, value: Uint8Array.of(5, 0) }] };

describe("a path", () => {
  /** Goal: good chains are good, of every kind of key. Method: with and without the root, leaf by leaf; Node's X.509 says the same of each link. */
  it.each<[KindOfKey, "SHA-256" | "SHA-384" | "SHA-512"]>([
    ["p256", "SHA-256"],
    ["p384", "SHA-384"],
    ["p521", "SHA-512"],
    ["rsa", "SHA-256"],
    ["rsa", "SHA-384"],
    ["rsa", "SHA-512"],
  ])("of %s with %s leads to the root", async (kind, hash) => {
    const issuer = await party("CN=Another CA", kind);
    const subject = await party("CN=Another machine", kind);
    const links = [
      await certify({ ...ofLeaf, subject, issuer, hash }),
      await certify({ ...ofMiddle, subject: issuer, hash }),
      rootDer,
    ];
    const path = await follow(links);
    expect(path).toEqual(await follow(links.slice(0, -1)));
    expect("path" in path && path.path.map(({ der }) => der)).toEqual(links);

    const seen = links.map((der) => new X509Certificate(der));
    for (const [at, each] of seen.entries()) {
      const above = seen[at + 1] ?? each;
      expect(each.checkIssued(above) && each.verify(above.publicKey)).toBe(true);
      const ours = parseCertificate(each.raw);
      expect(ours?.notBefore).toBe(Date.parse(each.validFrom));
      expect(ours?.notAfter).toBe(Date.parse(each.validTo));
      expect(ours?.isCa).toBe(each.ca);
      expect(ours && equalBytes(ours.spki, each.publicKey.export({ type: "spki", format: "der" }))).toBe(true);
      expect(toHex(ours?.serialNumber ?? new Uint8Array(0)).toUpperCase()).toBe(each.serialNumber.padStart(16, "0"));
    }
  });

  it.each<[what: string, () => Promise<Path> | Path]>([
    ["in the first second of its certificates", async () => follow(await changedLeaf({ notBefore: startMs }))],
    ["in their last second", async () => follow(await changedLeaf({ notAfter: startMs }), {}, startMs + 999)],
    ["straight below the root", async () => follow([await certify({ ...ofLeaf, issuer: root })])],
    [
      "whose lengths are just enough",
      async () => follow(await changedMiddle({ basicConstraints: { ca: true, pathLength: 0 } })),
    ],
    ["whose leaf may be a CA", async () => follow(await changedLeaf(ca), { leafMayBeCa: true })],
    [
      "with a critical extension that is looked at",
      async () => follow(await changedLeaf(unknownCritical), { criticalExtensions: ["1.2.3.4"] }),
    ],
    [
      "for the purpose that is asked",
      async () => follow(await changedLeaf({ purposes: ["1.2.3", PURPOSE] }), { purpose: PURPOSE }),
    ],
    [
      "whose CA does not say what its key is for",
      async () => {
        const { keyUsage: _, ...silent } = ofMiddle;
        return follow([leafDer, await certify(silent)]);
      },
    ],
    [
      "to the second of two roots with one name",
      async () =>
        verifyPath(
          nodeCrypto,
          chain,
          [await certify({ ...ofRoot, subject: stranger, issuer: stranger }), rootDer],
          startMs,
          rules,
        ),
    ],
    [
      "in which a CA renewed its own certificate",
      async () => {
        const limited = { ...ofRoot, basicConstraints: { ca: true, pathLength: 1 } };
        const renewed = await certify(ofRoot);
        return verifyPath(nodeCrypto, [...chain, renewed], [await certify(limited)], startMs, rules);
      },
    ],
  ])("%s is good", async (_, run) => {
    expect(wordOf(await run())).toBe("good");
  });

  const tooLong = async () => {
    const cas = await Promise.all(["A", "B", "C", "D", "E"].map((name) => party(`CN=${name}`, "p256")));
    const issuers = [root, ...cas];
    return Promise.all(
      [...cas, leaf].map((subject, at) =>
        certify({ ...(subject === leaf ? ofLeaf : ofMiddle), subject, issuer: issuers[at] ?? root }),
      ),
    ).then((made) => made.toReversed());
  };
  const refusals: [fault: PathFault, what: string, () => Promise<Path> | Path][] = [
    ["length", "no certificate", () => follow([])],
    ["length", "the root alone", () => follow([rootDer])],
    ["length", "one certificate too many with the root", async () => follow(await tooLong())],
    ["length", "many certificates", () => follow(Array.from({ length: 1000 }, () => leafDer))],
    [
      "size",
      "a large certificate",
      async () =>
        follow(await changedLeaf({ extensions: [{ oid: "1.2.3.4", value: new Uint8Array(CERTIFICATE_BYTES_MAX) }] })),
    ],
    ["malformed", "something else than a certificate", () => follow([leafDer, Uint8Array.of(0x30, 0)])],
    ["malformed", "a byte after a certificate", () => follow([leafDer, Uint8Array.of(...middleDer, 0)])],
    [
      "malformed",
      "an extension that is there twice",
      async () =>
        follow(
          await changedLeaf({
            extensions: [
              { oid: "1.2.3", value: leafDer },
              { oid: "1.2.3", value: leafDer },
            ],
          }),
        ),
    ],
    ["untrusted", "no root", () => verifyPath(nodeCrypto, chain, [], startMs, rules)],
    [
      "untrusted",
      "a root of another name",
      async () => follow([await certify({ ...ofLeaf, issuer: { ...middle, name: "CN=Nobody" } })]),
    ],
    ["untrusted", "a chain without its middle", () => follow([leafDer])],
    [
      "untrusted",
      "a root that nobody knows",
      async () => {
        const unknown = { ...root, name: "CN=Unknown CA" };
        const own = await certify({ ...ofRoot, subject: unknown, issuer: unknown });
        return follow([leafDer, await certify({ ...ofMiddle, issuer: unknown }), own]);
      },
    ],
    ["names", "certificates in another order", () => follow([middleDer, leafDer, rootDer])],
    [
      "names",
      "an issuer of another name with the right key",
      async () => follow(await changedLeaf({ issuer: { ...middle, name: "CN=Middle CA, O=Other" } })),
    ],
    [
      "names",
      "an issuer without a name",
      async () => {
        const nameless = { ...middle, name: "" };
        return follow([
          await certify({ ...ofLeaf, issuer: nameless }),
          await certify({ ...ofMiddle, subject: nameless }),
        ]);
      },
    ],
    ["algorithm", "SHA-1 below", async () => follow(await changedLeaf({ hash: "SHA-1" }))],
    ["algorithm", "SHA-1 above", async () => follow(await changedMiddle({ hash: "SHA-1" }))],
    [
      "algorithm",
      "Ed25519",
      async () => {
        const other = { ...middle, keys: await testKeys("ed25519") };
        return follow([await certify({ ...ofLeaf, issuer: other }), await certify({ ...ofMiddle, subject: other })]);
      },
    ],
    [
      "algorithm_mismatch",
      "another algorithm outside than inside",
      () => follow([withAlgorithm(leafDer, ECDSA_SHA256, ECDSA_SHA384), middleDer]),
    ],
    [
      "key",
      "a CA's RSA key of 1024 bits",
      async () => {
        const weak = { ...middle, keys: await testKeys("rsa1024") };
        return follow([await certify({ ...ofLeaf, issuer: weak }), await certify({ ...ofMiddle, subject: weak })]);
      },
    ],
    [
      "key",
      "a leaf's RSA key of 1024 bits",
      async () => follow(await changedLeaf({ subject: { ...leaf, keys: await testKeys("rsa1024") } })),
    ],
    [
      "key",
      "a leaf's key of another kind",
      async () => follow(await changedLeaf({ subject: { ...leaf, keys: await testKeys("ed25519") } })),
    ],
    [
      "signature",
      "a root of the same name",
      async () => follow([leafDer, await certify({ ...ofMiddle, issuer: stranger })]),
    ],
    [
      "signature",
      "an issuer of the same name",
      async () => follow(await changedLeaf({ issuer: { ...stranger, name: middle.name } })),
    ],
    ["not_yet_valid", "a leaf of tomorrow", async () => follow(await changedLeaf({ notBefore: startMs + 1000 }))],
    ["not_yet_valid", "a CA of tomorrow", async () => follow(await changedMiddle({ notBefore: startMs + 1000 }))],
    ["expired", "a leaf of yesterday", async () => follow(await changedLeaf({ notAfter: startMs - 1000 }))],
    ["expired", "a CA of yesterday", async () => follow(await changedMiddle({ notAfter: startMs - 1000 }))],
    [
      "expired",
      "a root of yesterday",
      async () =>
        verifyPath(nodeCrypto, chain, [await certify({ ...ofRoot, notAfter: startMs - 1000 })], startMs, rules),
    ],
    ["not_ca", "an issuer that is none", async () => follow(await changedMiddle({ basicConstraints: { ca: false } }))],
    [
      "not_ca",
      "an issuer that does not say that it is one",
      async () => {
        const { basicConstraints: _, ...silent } = ofMiddle;
        return follow([leafDer, await certify(silent)]);
      },
    ],
    ["leaf_is_ca", "a leaf that issues others", async () => follow(await changedLeaf(ca))],
    [
      "path_length",
      "a root that allows no CA below it",
      async () =>
        verifyPath(
          nodeCrypto,
          chain,
          [await certify({ ...ofRoot, basicConstraints: { ca: true, pathLength: 0 } })],
          startMs,
          rules,
        ),
    ],
    [
      "key_usage",
      "an issuer whose key is for something else",
      async () => follow(await changedMiddle({ keyUsage: "cRLSign" })),
    ],
    ["critical_extension", "one that nobody knows in the leaf", async () => follow(await changedLeaf(unknownCritical))],
    [
      "critical_extension",
      "name constraints in a CA",
      async () =>
        follow(
          await changedMiddle({ extensions: [{ oid: NAME_CONSTRAINTS, critical: true, value: fromHex("3000") }] }),
        ),
    ],
    ["purpose", "a leaf without a purpose", () => follow(chain, { purpose: PURPOSE })],
    [
      "purpose",
      "a leaf of another purpose",
      async () => follow(await changedLeaf({ purposes: ["1.2.3"] }), { purpose: PURPOSE }),
    ],
  ];

  /** Goal: each rule holds by itself. Method: a chain that breaks just that one. */
  it.each(refusals)("is refused as %s: %s", async (fault, _, run) => {
    expect(wordOf(await run())).toBe(fault);
  });

  it("has a test for each fault", () => {
    expect([...new Set(refusals.map(([fault]) => fault))].toSorted()).toEqual(pathFaults.toSorted());
  });
});

describe("what is not a good chain", () => {
  /** Goal: nothing that anybody sends throws or counts. Method: random bytes, alone and as a certificate's contents. */
  it("is refused, whatever the bytes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }),
        fc.boolean(),
        async (parts, wrapped) => {
          const given = wrapped
            ? parts.map((part) => Uint8Array.of(0x30, 0x82, part.length >> 8, part.length & 0xff, ...part))
            : parts;
          expect(wordOf(await follow([...given, middleDer]))).not.toBe("good");
          expect(wordOf(await follow([leafDer, ...given.slice(0, 1)]))).not.toBe("good");
        },
      ),
    );
  });

  /** Goal: no change of a chain leads to the root. Method: some bytes of one certificate changed, added or missing. */
  it("is refused, whatever was changed", async () => {
    const links = [leafDer, middleDer];
    const change = fc
      .constantFrom(...links.entries())
      .chain(([at, der]) => changedBytes(der).map((changed) => [at, changed] as const));
    await fc.assert(
      fc.asyncProperty(change, async ([at, changed]) => {
        expect(wordOf(await follow(links.map((der, n) => (n === at ? changed : der))))).not.toBe("good");
        expect(parseCertificate(changed)?.der ?? changed).toEqual(changed);
      }),
      { numRuns: 500 },
    );
  });

  /** Goal: every bit of a chain is looked at. Method: flip each one of the leaf, and one in each byte above; cut at each byte. */
  it("is refused, whichever bit was flipped", async () => {
    for (const [at, der] of [leafDer, middleDer, rootDer].entries()) {
      for (let bit = 0; bit < der.length * 8; bit += at === 0 ? 1 : 9) {
        const links: Uint8Array[] = [leafDer, middleDer, rootDer];
        const byte = bit >> 3;
        links[at] = der.with(byte, (der[byte] ?? 0) ^ (1 << (bit & 7)));
        expect(wordOf(await follow(links)), `bit ${bit} of ${at}`).not.toBe("good");
      }
      for (let length = 0; length < der.length; length++)
        expect(parseCertificate(der.subarray(0, length))).toBeUndefined();
    }
  });
});
