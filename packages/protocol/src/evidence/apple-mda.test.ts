import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { appleShape } from "../../test/apple.ts";
import { ca, certify, testKeys, type CertificatePlan } from "../../test/certificates.ts";
import { pinnedByItself, secretNamed } from "../../test/keys.ts";
import { signer, startMs } from "../../test/samples.ts";
import { concatBytes, fromHex, utf8 } from "../bytes.ts";
import { nodeCrypto } from "../node/crypto.ts";
import type { MdaEvidence } from "./apple-evidence.ts";
import { mdaChecks, type MachineFacts, type MdaPolicy } from "./apple-mda.ts";
import { appleNonce } from "./apple.ts";
import type { Check } from "./check.ts";

const apple = await appleShape("Enterprise");
const device = { name: "CN=0123456789abcdef, OU=AAA Certification", keys: await testKeys("p384") };
const random = secretNamed("apple random");
const machine: MachineFacts = { identityKey: signer.publicKey, serial: "C02TESTSERIAL" };
const policy: MdaPolicy = { appleRoots: [apple.pinned] };
const nonce = appleNonce(nodeCrypto, machine.identityKey, random);

const ARC = "1.2.840.113635.100.8";
const wrapped = (tag: number, value: Uint8Array): Uint8Array => Uint8Array.of(tag, value.length, ...value);
const said: Readonly<Record<string, Uint8Array>> = {
  "9.1": utf8("C02TESTSERIAL"),
  "9.2": utf8("00006000-0011223344556677"),
  "10.1": utf8("26.4.1"),
  "10.2": utf8("23E100"),
  "10.3": utf8("iBoot-13822.101.2"),
  "11.1": nonce,
  "13.1": fromHex("020100"),
  "13.2": utf8("Full Security"),
  "13.3": fromHex("020100"),
};

/** What the leaf says, with changes; undefined leaves an extension out. */
const extensionsOf = (
  change: Readonly<Record<string, Uint8Array | undefined>>,
): NonNullable<CertificatePlan["extensions"]> =>
  Object.entries({ ...said, ...change }).flatMap(([oid, value]) => (value ? [{ oid: `${ARC}.${oid}`, value }] : []));
const ofLeaf: CertificatePlan = {
  subject: device,
  issuer: apple.intermediate,
  hash: "SHA-384",
  keyUsage: "digitalSignature",
  purposes: ["1.2.840.113635.100.4.24"],
  extensions: extensionsOf({}),
};
const chainOf = async (change: Partial<CertificatePlan> = {}) => [
  await certify({ ...ofLeaf, ...change }),
  apple.intermediateDer,
];
const saying = (change: Readonly<Record<string, Uint8Array | undefined>>) =>
  chainOf({ extensions: extensionsOf(change) });

const checksOf = (
  chain: readonly Uint8Array[],
  change: { evidence?: Partial<MdaEvidence>; machine?: Partial<MachineFacts>; policy?: MdaPolicy; now?: number } = {},
) =>
  mdaChecks(
    nodeCrypto,
    { chain, random, ...change.evidence },
    { ...machine, ...change.machine },
    change.policy ?? policy,
    change.now ?? startMs,
  );
const statuses = (checks: readonly Check[]): Record<string, string> =>
  Object.fromEntries(checks.map(({ id, status }) => [id.replace("apple.mda.", ""), status]));

const allGood = {
  path: "pass",
  algorithm: "pass",
  serial: "pass",
  freshness: "pass",
  sip: "pass",
  secure_boot: "pass",
  kext: "pass",
  os_version: "pass",
  sepos_version: "pass",
  bootloader_version: "pass",
};
const notLookedAt = Object.fromEntries(Object.keys(allGood).map((id) => [id, "unknown"]));

describe("Managed Device Attestation", () => {
  /** Goal: a good chain passes every check that can pass, and no check speaks of the key's residency. Method: the whole list, with and without the root. */
  it("reads unknown to whoever has no root of Apple's", async () => {
    expect(statuses(await checksOf(await chainOf(), { policy: { appleRoots: [] } }))).toEqual(notLookedAt);
  });

  it("passes for a chain in Apple's shape", async () => {
    const chain = await chainOf();
    expect(statuses(await checksOf(chain))).toEqual(allGood);
    expect(statuses(await checksOf([...chain, apple.rootDer]))).toEqual(allGood);
  });

  /** Goal: values are read in the forms in which Apple is known to write them. Method: raw and as DER strings. */
  it.each<[what: string, change: Record<string, Uint8Array>]>([
    [
      "text as UTF8String",
      { "9.1": wrapped(0x0c, utf8("C02TESTSERIAL")), "13.2": wrapped(0x0c, utf8("Full Security")) },
    ],
    ["text as PrintableString", { "9.1": wrapped(0x13, utf8("C02TESTSERIAL")) }],
  ])("reads %s", async (_, change) => {
    expect(statuses(await checksOf(await saying(change)))).toEqual(allGood);
  });

  const underOtherTag = nodeCrypto.sha256(concatBytes(utf8("another:v1\0"), machine.identityKey, random));
  const short = random.subarray(1);
  const MATCHES = /^(SHA-256 of )?our nonce/;
  const OTHER = /^another value than our nonce/;
  /**
   * Goal: only our nonce passes, in each form in which Apple is said to embed it; no other value is held against a
   * machine. Method: the nonce in all its forms, and other values.
   */
  it.each<[what: string, code: Uint8Array | undefined, seen: RegExp, change?: Parameters<typeof checksOf>[1]]>([
    ["the nonce", nonce, MATCHES],
    ["the nonce in an octet string", wrapped(0x04, nonce), MATCHES],
    ["the nonce's hash", nodeCrypto.sha256(nonce), MATCHES],
    ["the nonce's hash in an octet string", wrapped(0x04, nodeCrypto.sha256(nonce)), MATCHES],
    ["a nonce of another time", appleNonce(nodeCrypto, machine.identityKey, secretNamed("other")), OTHER],
    ["a nonce for another key", nonce, OTHER, { machine: { identityKey: signer.publicKey.with(64, 0) } }],
    ["another random part", nonce, OTHER, { evidence: { random: secretNamed("another random") } }],
    ["a nonce under another tag", underOtherTag, OTHER],
    ["a part of the nonce", nonce.subarray(0, 31), OTHER],
    ["a nonce and more", concatBytes(nonce, nonce), OTHER],
    ["an empty freshness code", new Uint8Array(0), OTHER],
    ["no freshness code", undefined, /^no freshness code/],
  ])("compares %s", async (_, code, seen, change) => {
    const checks = await checksOf(await saying({ "11.1": code }), change);
    expect(statuses(checks)).toEqual({ ...allGood, freshness: seen === MATCHES ? "pass" : "unknown" });
    expect(checks.find(({ id }) => id === "apple.mda.freshness")?.seen).toMatch(seen);
  });

  const broken: [what: string, check: string, status: "fail" | "unknown", () => Promise<readonly Check[]>][] = [
    ["another serial", "serial", "fail", async () => checksOf(await saying({ "9.1": utf8("C02OTHERSERIA") }))],
    [
      "a blob of another serial",
      "serial",
      "fail",
      async () => checksOf(await chainOf(), { machine: { serial: "SW-123" } }),
    ],
    [
      "a serial in other characters",
      "serial",
      "unknown",
      async () => checksOf(await saying({ "9.1": fromHex("fc") }), { machine: { serial: "ü" } }),
    ],
    ["no serial", "serial", "unknown", async () => checksOf(await saying({ "9.1": undefined }))],
    [
      "a random part that is short",
      "freshness",
      "fail",
      async () =>
        checksOf(await saying({ "11.1": appleNonce(nodeCrypto, machine.identityKey, short) }), {
          evidence: { random: short },
        }),
    ],
    ["SIP off", "sip", "fail", async () => checksOf(await saying({ "13.1": fromHex("020101") }))],
    ["SIP as flags", "sip", "fail", async () => checksOf(await saying({ "13.1": fromHex("02020100") }))],
    ["SIP as a byte of flags", "sip", "fail", async () => checksOf(await saying({ "13.1": fromHex("020200ff") }))],
    ["SIP as a boolean", "sip", "unknown", async () => checksOf(await saying({ "13.1": fromHex("0101ff") }))],
    ["no SIP", "sip", "unknown", async () => checksOf(await saying({ "13.1": undefined }))],
    [
      "Reduced Security",
      "secure_boot",
      "fail",
      async () => checksOf(await saying({ "13.2": utf8("Reduced Security") })),
    ],
    [
      "Permissive Security",
      "secure_boot",
      "fail",
      async () => checksOf(await saying({ "13.2": wrapped(0x0c, utf8("Permissive Security")) })),
    ],
    ["other words", "secure_boot", "unknown", async () => checksOf(await saying({ "13.2": utf8("full security") }))],
    ["no words", "secure_boot", "unknown", async () => checksOf(await saying({ "13.2": undefined }))],
    ["kernel extensions", "kext", "fail", async () => checksOf(await saying({ "13.3": fromHex("020101") }))],
    ["kernel extensions as text", "kext", "unknown", async () => checksOf(await saying({ "13.3": utf8("0") }))],
    ["no word on kernel extensions", "kext", "unknown", async () => checksOf(await saying({ "13.3": undefined }))],
    [
      "a version that is none",
      "os_version",
      "unknown",
      async () => checksOf(await saying({ "10.1": utf8("<b>26</b>") })),
    ],
    ["no version of sepOS", "sepos_version", "unknown", async () => checksOf(await saying({ "10.2": undefined }))],
    [
      "a version in other bytes",
      "bootloader_version",
      "unknown",
      async () => checksOf(await saying({ "10.3": fromHex("ff00") })),
    ],
    [
      "a CA of another algorithm",
      "algorithm",
      "fail",
      async () => {
        const rsa = { ...apple.intermediate, keys: await testKeys("rsa") };
        return checksOf([
          await certify({ ...ofLeaf, issuer: rsa }),
          await certify({ ...apple.ofIntermediate, subject: rsa }),
        ]);
      },
    ],
    [
      "a CA on a smaller curve",
      "algorithm",
      "fail",
      async () => {
        const small = { ...apple.intermediate, keys: await testKeys("p256") };
        return checksOf([
          await certify({ ...ofLeaf, issuer: small }),
          await certify({ ...apple.ofIntermediate, subject: small }),
        ]);
      },
    ],
  ];

  /** Goal: each check stands for itself. Method: a chain that breaks just that one. */
  it.each(broken)("with %s: %s is %s", async (_, check, status, run) => {
    expect(statuses(await run())).toEqual({ ...allGood, [check]: status });
  });

  const leading: [what: string, () => Promise<readonly Check[]>, also: Record<string, string>][] = [
    [
      "another root of that name",
      async () => {
        const stranger = { ...apple.root, keys: await testKeys("p384") };
        return checksOf(await chainOf(), {
          policy: { appleRoots: [pinnedByItself(await certify({ subject: stranger, issuer: stranger, ...ca }))] },
        });
      },
      {},
    ],
    ["a leaf that is signed by itself", async () => checksOf([await certify({ ...ofLeaf, issuer: device })]), {}],
    ["no certificates", async () => checksOf([]), {}],
    ["a leaf that issues others", async () => checksOf(await chainOf(ca)), {}],
    [
      "a leaf below a leaf",
      async () => {
        const below = { ...device, name: "CN=below", keys: await testKeys("p384") };
        return checksOf([await certify({ ...ofLeaf, subject: below, issuer: device }), ...(await chainOf())]);
      },
      {},
    ],
    ["an expired leaf", async () => checksOf(await chainOf({ notAfter: startMs - 1000 })), {}],
    ["a leaf of tomorrow", async () => checksOf(await chainOf({ notBefore: startMs + 1000 })), {}],
    ["SHA-1", async () => checksOf(await chainOf({ hash: "SHA-1" })), { algorithm: "fail" }],
    [
      "a weak key",
      async () => checksOf(await chainOf({ subject: { ...device, keys: await testKeys("rsa1024") } })),
      { algorithm: "fail" },
    ],
  ];

  /** Goal: without a path nothing in the chain counts, for or against. Method: chains to nowhere; all else reads unknown. */
  it.each(leading)("with %s leads nowhere", async (_, run, also) => {
    expect(statuses(await run())).toEqual({ ...notLookedAt, path: "fail", ...also });
  });

  it("reads unknown where the chain is withheld", async () => {
    expect(statuses(await mdaChecks(nodeCrypto, { random }, machine, policy, startMs))).toEqual(notLookedAt);
  });

  /** Goal: nothing throws, and nothing but the chain passes. Method: any bit of the leaf flipped. */
  it("never passes for a changed leaf", async () => {
    const [leaf, intermediate] = await chainOf();
    if (!leaf || !intermediate) throw new Error("a chain has two");
    await fc.assert(
      fc.asyncProperty(fc.nat(leaf.length * 8 - 1), async (bit) => {
        const changed = leaf.with(bit >> 3, (leaf[bit >> 3] ?? 0) ^ (1 << (bit & 7)));
        expect((await checksOf([changed, intermediate])).filter(({ status }) => status === "pass")).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
