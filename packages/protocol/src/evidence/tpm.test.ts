import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { ca, certify, testKeys, type CertificatePlan, type Party } from "../../test/certificates.ts";
import { changedBytes } from "../../test/changed.ts";
import { eventLog, sampleEvents } from "../../test/event-log.ts";
import { pinnedByItself, secretNamed, testCountersigner } from "../../test/keys.ts";
import { committedTpms, tpmInput } from "../../test/tpm-vectors.ts";
import { fromHex, toHex, joinBytes, utf8 } from "../bytes.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { readTpmPublic, spkiOfTpmKey } from "../tpm/public-area.ts";
import { activationStatement, statedActivation } from "./activation.ts";
import { tpmQuoteData } from "./tpm-quote.ts";
import type { TpmEvidence, TpmQuote } from "./tpm-evidence.ts";
import { tpmChecks, type TpmBound, type TpmPolicy } from "./tpm.ts";
import type { PinnedRoot } from "./vendor-roots.ts";
import type { Check } from "./check.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** When the recorded certificates are good: their makers gave them no end. */
const now = Date.parse("2027-01-02T03:04:05Z");

interface Shown {
  readonly evidence: TpmEvidence;
  readonly quote: TpmQuote | undefined;
  readonly bound: TpmBound;
  readonly policy: TpmPolicy;
}

const recorded = committedTpms().map((each) => {
  const { evidence, quote, subject, roots } = tpmInput(each);
  const values = [toHex(quote.pcrs[7]?.sha256 ?? new Uint8Array(0)).toUpperCase()];
  const bound: TpmBound = { ...subject, activation: "pass" };
  return {
    kind: each.attestation_key,
    quote,
    chain: evidence.ekCertificates ?? [],
    shown: { evidence, quote, bound, policy: { tpmRoots: roots, pcrs: { 7: values } } },
  };
});
const [rsa, ecc] = recorded;
if (!rsa || !ecc) throw new Error("two TPMs are recorded");

const checksOf = ({ evidence, quote, bound, policy }: Shown, at = now): Promise<readonly Check[]> =>
  tpmChecks(nodeCrypto, evidence, quote, bound, policy, at);
const notPassed = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status !== "pass").map(({ id, status }) => `${id} ${status}`);
const nothing = new Uint8Array(0);

const order = [
  "tpm.ek.path",
  "tpm.ek.key",
  "tpm.ek.shape",
  "tpm.ak.attributes",
  "tpm.activation",
  "tpm.key.attributes",
  "tpm.key.is_identity",
  "tpm.key.certified",
  "tpm.quote.signature",
  "tpm.quote.nonce",
  "tpm.quote.pcrs",
  "tpm.pcr_policy",
  "tpm.event_log",
];

/** Goal: good evidence passes, and each lie fails by its name. Method: recorded evidence, with one thing changed. */
describe.each(recorded)("a TPM with an $kind attestation key", ({ kind, shown: good, quote, chain }) => {
  const other = kind === "rsa" ? ecc.shown : rsa.shown;
  const evidence = (change: Partial<TpmEvidence>) => ({ ...good, evidence: { ...good.evidence, ...change } });
  const bound = (change: Partial<TpmBound>) => ({ ...good, bound: { ...good.bound, ...change } });
  const policy = (change: Partial<TpmPolicy>) => ({ ...good, policy: { ...good.policy, ...change } });
  const quoted = (change: Partial<TpmQuote>) => ({ ...good, quote: { ...quote, ...change } });
  const unproven = ["tpm.pcr_policy fail", "tpm.event_log fail"];

  it("passes", async () => {
    const checks = await checksOf(good);
    expect(notPassed(checks)).toEqual([]);
    expect(checks.map(({ id }) => id)).toEqual(order);
  });

  it.each<readonly [what: string, shown: Shown, expected: readonly string[]]>([
    ["no root", policy({ tpmRoots: [] }), ["tpm.ek.path unknown"]],
    ["another maker's root", policy({ tpmRoots: other.policy.tpmRoots }), ["tpm.ek.path fail"]],
    ["no certificate", evidence({ ekCertificates: [] }), ["tpm.ek.path fail", "tpm.ek.key fail", "tpm.ek.shape fail"]],
    [
      "a certificate that is none",
      evidence({ ekCertificates: [nothing] }),
      ["tpm.ek.path fail", "tpm.ek.key fail", "tpm.ek.shape fail"],
    ],
    ["no certificate of the issuer", evidence({ ekCertificates: chain.slice(0, 1) }), ["tpm.ek.path fail"]],
    ["another's EK", evidence({ ekPublic: other.evidence.ekPublic }), ["tpm.ek.key fail"]],
    ["an EK that is none", evidence({ ekPublic: nothing }), ["tpm.ek.key fail"]],
    ["an EK that signs", evidence({ ekPublic: withBit(good.evidence.ekPublic, 18, true) }), ["tpm.ek.key fail"]],
    [
      "an EK that anybody may use",
      evidence({ ekPublic: withBit(good.evidence.ekPublic, 16, false) }),
      ["tpm.ek.key fail"],
    ],
    [
      "an issuer's certificate as EK's",
      evidence({ ekCertificates: chain.slice(1) }),
      ["tpm.ek.key fail", "tpm.ek.shape fail"],
    ],
    [
      "another's AK",
      evidence({ akPublic: other.evidence.akPublic }),
      ["tpm.key.certified fail", "tpm.quote.signature fail", ...unproven],
    ],
    [
      "an AK that is none",
      evidence({ akPublic: nothing }),
      ["tpm.ak.attributes fail", "tpm.key.certified fail", "tpm.quote.signature fail", ...unproven],
    ],
    ["a credential that was not opened", bound({ activation: "fail" }), ["tpm.activation fail"]],
    ["a credential that nobody made", bound({ activation: "unknown" }), ["tpm.activation unknown"]],
    [
      "a key that is none",
      evidence({ keyPublic: nothing }),
      ["tpm.key.attributes fail", "tpm.key.is_identity fail", "tpm.key.certified fail"],
    ],
    [
      "another's key",
      evidence({ keyPublic: other.evidence.keyPublic }),
      ["tpm.key.is_identity fail", "tpm.key.certified fail"],
    ],
    [
      "another identity key",
      bound({ identityKey: other.bound.identityKey }),
      ["tpm.key.is_identity fail", "tpm.quote.nonce fail", ...unproven],
    ],
    [
      "no identity key",
      bound({ identityKey: nothing }),
      ["tpm.key.is_identity fail", "tpm.quote.nonce fail", ...unproven],
    ],
    ["another's certification", evidence({ certify: other.evidence.certify }), ["tpm.key.certified fail"]],
    ["a quote as certification", evidence({ certify: quote }), ["tpm.key.certified fail"]],
    [
      "another's quote",
      { ...good, quote: other.quote },
      ["tpm.quote.signature fail", "tpm.quote.nonce fail", ...unproven],
    ],
    [
      "a certification as quote",
      quoted(good.evidence.certify),
      ["tpm.quote.signature fail", "tpm.quote.nonce fail", "tpm.quote.pcrs fail", ...unproven],
    ],
    [
      "a quote that is none",
      quoted({ attest: nothing }),
      ["tpm.quote.signature fail", "tpm.quote.nonce fail", "tpm.quote.pcrs fail", ...unproven],
    ],
    ["another nonce", bound({ nonce: secretNamed("another nonce") }), ["tpm.quote.nonce fail", ...unproven]],
    ["a nonce of another length", bound({ nonce: nothing }), ["tpm.quote.nonce fail", ...unproven]],
    ["other HPKE keys", bound({ hpkePublicKeys: [secretNamed("other")] }), ["tpm.quote.nonce fail", ...unproven]],
    [
      "HPKE keys in another order",
      bound({ hpkePublicKeys: good.bound.hpkePublicKeys.toReversed() }),
      ["tpm.quote.nonce fail", ...unproven],
    ],
    [
      "one PCR told otherwise",
      quoted({ pcrs: quote.pcrs.map((pcr) => (pcr.index === 3 ? { index: 3, sha256: new Uint8Array(32) } : pcr)) }),
      ["tpm.quote.pcrs fail", ...unproven],
    ],
    ["one PCR less", quoted({ pcrs: quote.pcrs.slice(1) }), ["tpm.quote.pcrs fail", ...unproven]],
    ["a PCR that is not allowed", policy({ pcrs: { 7: ["00".repeat(32)] } }), ["tpm.pcr_policy fail"]],
    ["a PCR for which nothing is allowed", policy({ pcrs: { 0: [] } }), ["tpm.pcr_policy fail"]],
    ["a prescribed PCR that was not quoted", policy({ pcrs: { 8: ["00".repeat(32)] } }), ["tpm.pcr_policy fail"]],
    ["no prescribed PCRs", policy({ pcrs: {} }), ["tpm.pcr_policy unknown"]],
    ["a log that leads elsewhere", quoted({ eventLog: eventLog(sampleEvents.slice(0, -1)) }), ["tpm.event_log fail"]],
    ["a log without anything", quoted({ eventLog: eventLog([]) }), ["tpm.event_log fail"]],
    ["a log that is none", quoted({ eventLog: nothing }), ["tpm.event_log fail"]],
  ])("with %s", async (_, shown, expected) => expect(notPassed(await checksOf(shown))).toEqual(expected));

  it.each([
    ["fixedTPM", 1, false],
    ["fixedParent", 4, false],
    ["sensitiveDataOrigin", 5, false],
    ["restricted", 16, false],
    ["decrypt", 17, true],
    ["sign", 18, false],
  ] as const)("whose attestation key is wrong in %s", async (name, bit, on) => {
    const checks = await checksOf(evidence({ akPublic: withBit(good.evidence.akPublic, bit, on) }));
    expect(notPassed(checks)).toEqual(["tpm.ak.attributes fail"]);
    expect(checks.find(({ id }) => id === "tpm.ak.attributes")?.seen).toBe(`${on ? "has" : "lacks"} ${name}`);
  });

  it.each([
    ["fixedTPM", 1, false],
    ["fixedParent", 4, false],
    ["sensitiveDataOrigin", 5, false],
    ["restricted", 16, true],
    ["decrypt", 17, true],
    ["sign", 18, false],
  ] as const)("whose identity key is wrong in %s", async (_, bit, on) => {
    const checks = await checksOf(evidence({ keyPublic: withBit(good.evidence.keyPublic, bit, on) }));
    expect(notPassed(checks)).toEqual(["tpm.key.attributes fail", "tpm.key.certified fail"]);
  });

  it("that does not carry its issuer's certificate, where that is known", async () => {
    const [leaf = nothing, issuer = nothing] = chain;
    const shown = {
      ...evidence({ ekCertificates: [leaf] }),
      policy: { ...good.policy, tpmRoots: [pinnedByItself(issuer)] },
    };
    expect(notPassed(await checksOf(shown))).toEqual([]);
  });

  it("of which the operating system kept no log", async () => {
    const { eventLog: _, ...silent } = quote;
    expect(notPassed(await checksOf({ ...good, quote: silent }))).toEqual(["tpm.event_log unknown"]);
  });

  it("whose certificates are withheld", async () => {
    const { ekCertificates: _, ...rest } = good.evidence;
    const checks = await checksOf({ ...good, evidence: rest });
    expect(notPassed(checks)).toEqual(order.slice(0, 3).map((id) => `${id} unknown`));
    expect(checks.map(({ id }) => id)).toEqual(order);
  });

  it("that was not asked yet", async () => {
    const checks = await checksOf({ ...good, quote: undefined });
    expect(notPassed(checks)).toEqual(order.slice(8).map((id) => `${id} unknown`));
    expect(checks.map(({ id }) => id)).toEqual(order);
  });

  it("before its certificate is good", async () => {
    expect(notPassed(await checksOf(good, Date.parse("2020-01-01T00:00:00Z")))).toEqual(["tpm.ek.path fail"]);
  });

  it("tells in the operator's words what fails, and what would mend it", async () => {
    const failing = await checksOf({ ...good, evidence: { ...good.evidence, keyPublic: good.evidence.akPublic } });
    expect(failing.find(({ id }) => id === "tpm.key.attributes")).toEqual({
      id: "tpm.key.attributes",
      status: "fail",
      seen: "has restricted",
      remedy: "Let the provider make its keys in the TPM again.",
    });
    for (const { status, remedy } of failing) expect(remedy === "").toBe(status === "pass");
  });

  /** What is left of a coordinator's word on the good evidence's activation. */
  const asStated = async (shown: Shown): Promise<Shown> => {
    const coordinator = testCountersigner("coordinator key");
    const { statement, message } = activationStatement(nodeCrypto, good.evidence, now);
    const stated = { statement, signature: coordinator.sign(message), keyId: "c1" };
    const keys = new Map([["c1", coordinator.publicKey]]);
    return {
      ...shown,
      bound: { ...shown.bound, activation: await statedActivation(nodeCrypto, shown.evidence, stated, keys) },
    };
  };

  /** Goal: nothing that was signed can be changed. Method: some bytes of each part changed, added or missing; keys that only an activation is about, with a word on it. */
  it("does not pass with any byte of what was signed changed", async () => {
    const places: readonly (readonly [bytes: Uint8Array, put: (changed: Bytes) => Shown | Promise<Shown>])[] = [
      [good.evidence.keyPublic, (keyPublic) => evidence({ keyPublic })],
      [good.evidence.certify.attest, (attest) => evidence({ certify: { ...good.evidence.certify, attest } })],
      [good.evidence.certify.signature, (signature) => evidence({ certify: { ...good.evidence.certify, signature } })],
      [quote.attest, (attest) => quoted({ attest })],
      [quote.signature, (signature) => quoted({ signature })],
      [chain[0] ?? nothing, (leaf) => evidence({ ekCertificates: [leaf, ...chain.slice(1)] })],
      [chain[1] ?? nothing, (issuer) => evidence({ ekCertificates: [chain[0] ?? nothing, issuer] })],
      [good.evidence.ekPublic, (ekPublic) => asStated(evidence({ ekPublic }))],
      [good.evidence.akPublic, (akPublic) => asStated(evidence({ akPublic }))],
      [good.bound.identityKey, (identityKey) => bound({ identityKey })],
      [good.bound.nonce, (nonce) => bound({ nonce })],
      [quote.pcrs[3]?.sha256 ?? nothing, (sha256) => quoted({ pcrs: quote.pcrs.with(3, { index: 3, sha256 }) })],
    ];
    expect(notPassed(await checksOf(await asStated(good)))).toEqual([]);
    const change = fc
      .constantFrom(...places)
      .chain(([bytes, put]) => changedBytes(bytes).map((changed) => [put, changed] as const));
    await fc.assert(
      fc.asyncProperty(change, async ([put, changed]) => {
        expect(notPassed(await checksOf(await put(changed))).some((told) => told.endsWith("fail"))).toBe(true);
      }),
      { numRuns: 400 },
    );
  });
});

/** Goal: bytes from outside never throw. Method: any bytes in every place at once. */
it("fails for arbitrary bytes, in the usual order", async () => {
  const bytes = fc.uint8Array({ maxLength: 80 });
  const statement = fc.record({ attest: bytes, signature: bytes });
  const shown = fc.record({
    evidence: fc.record({
      ekCertificates: fc.array(bytes, { maxLength: 3 }),
      ekPublic: bytes,
      akPublic: bytes,
      keyPublic: bytes,
      certify: statement,
    }),
    quote: fc.option(
      fc.record({
        attest: bytes,
        signature: bytes,
        eventLog: bytes,
        pcrs: fc.array(fc.record({ index: fc.integer(), sha256: bytes })),
      }),
      { nil: undefined },
    ),
  });
  await fc.assert(
    fc.asyncProperty(shown, async (each) => {
      const checks = await checksOf({ ...rsa.shown, ...each });
      expect(checks.map(({ id }) => id)).toEqual(order);
      expect(checks.filter(({ status }) => status === "pass").map(({ id }) => id)).toEqual(["tpm.activation"]);
    }),
  );
});

/** Goal: only a maker's certificate for endorsement keys counts. Method: certificates of all shapes for one real key, by another library. */
describe("an endorsement key's certificate", () => {
  const purpose = "2.23.133.8.1";
  let maker: Party, ek: Party, root: PinnedRoot;
  beforeAll(async () => {
    const publicArea = readTpmPublic(rsa.shown.evidence.ekPublic);
    const spki = publicArea ? spkiOfTpmKey(publicArea) : expect.unreachable();
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    const keys = await testKeys("p384");
    maker = { name: "CN=Maker", keys };
    ek = {
      name: "CN=EK",
      keys: { ...keys, publicKey: await crypto.subtle.importKey("spki", spki, algorithm, true, ["verify"]) },
    };
    root = pinnedByItself(await certify({ subject: maker, issuer: maker, ...ca, ...times }));
  });
  const times = { notBefore: now - 1000, notAfter: now + 1000 };
  const good = { keyUsage: "keyEncipherment", purposes: [purpose], basicConstraints: { ca: false }, ...times } as const;

  it.each<readonly [what: string, plan: Partial<CertificatePlan>, expected: readonly string[]]>([
    ["as it should be", {}, []],
    ["with other purposes too", { purposes: ["1.3.6.1.5.5.7.3.2", purpose] }, []],
    ["for another purpose", { purposes: ["1.3.6.1.5.5.7.3.1"] }, ["tpm.ek.shape fail"]],
    ["of a CA", { basicConstraints: { ca: true } }, ["tpm.ek.shape fail"]],
    ["for signing", { keyUsage: "digitalSignature" }, ["tpm.ek.shape fail"]],
    ["that has ended", { notAfter: now - 1001 }, ["tpm.ek.path fail"]],
    ["signed with SHA-1", { hash: "SHA-1" }, ["tpm.ek.path fail"]],
    [
      "with names in a critical extension",
      { extensions: [{ oid: "2.5.29.17", critical: true, value: fromHex("3000") }] },
      [],
    ],
    [
      "with a critical extension that nobody knows",
      { extensions: [{ oid: "1.2.3.4", critical: true, value: fromHex("0500") }] },
      ["tpm.ek.path fail"],
    ],
  ])("%s", async (_, plan, expected) => {
    const leaf = await certify({ subject: ek, issuer: maker, ...good, ...plan });
    const evidence = { ...rsa.shown.evidence, ekCertificates: [leaf] };
    const checks = await checksOf({ ...rsa.shown, evidence, policy: { ...rsa.shown.policy, tpmRoots: [root] } });
    expect(notPassed(checks)).toEqual(expected);
  });

  it("that names no purpose", async () => {
    const leaf = await certify({ subject: ek, issuer: maker, basicConstraints: { ca: false }, ...times });
    const evidence = { ...rsa.shown.evidence, ekCertificates: [leaf] };
    const checks = await checksOf({ ...rsa.shown, evidence, policy: { ...rsa.shown.policy, tpmRoots: [root] } });
    expect(notPassed(checks)).toEqual(["tpm.ek.shape fail"]);
  });
});

describe("what a quote is asked about", () => {
  it.each([
    ["a short nonce", { nonce: new Uint8Array(31) }],
    ["a short identity key", { identityKey: new Uint8Array(64) }],
    ["a long HPKE key", { hpkePublicKeys: [new Uint8Array(33)] }],
  ])("refuses %s", (_, change) => {
    const subject = { ...rsa.shown.bound, ...change };
    expect(() => tpmQuoteData(nodeCrypto, subject)).toThrow(RangeError);
  });

  it("is the hash of all of it, behind its tag", () => {
    const parts = [utf8("darkbloom:tpm-quote:v1\0"), rsa.shown.bound.nonce, rsa.shown.bound.identityKey];
    expect(tpmQuoteData(nodeCrypto, rsa.shown.bound)).toEqual(
      nodeCrypto.sha256(joinBytes([...parts, ...rsa.shown.bound.hpkePublicKeys])),
    );
    const [short, long] = [new Uint8Array(32).fill(1), new Uint8Array(1216).fill(2)];
    for (const [keys, joined] of [
      [
        [long, short],
        [nodeCrypto.sha256(long), short],
      ],
      [
        [short, long],
        [short, nodeCrypto.sha256(long)],
      ],
    ] as const)
      expect(tpmQuoteData(nodeCrypto, { ...rsa.shown.bound, hpkePublicKeys: keys })).toEqual(
        nodeCrypto.sha256(joinBytes([...parts, ...joined])),
      );
  });
});

/** The same public area with one of TPMA_OBJECT's bits. */
function withBit(publicArea: Uint8Array, bit: number, on: boolean): Bytes {
  const changed = Uint8Array.from(publicArea);
  const view = new DataView(changed.buffer);
  const mask = 1 << bit;
  view.setUint32(4, on ? view.getUint32(4) | mask : view.getUint32(4) & ~mask);
  return changed;
}
