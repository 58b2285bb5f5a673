import { X509Certificate } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf, eventLog, sampleEvents, startupLocality, type LogEvent } from "../../test/event-log.ts";
import { changedBytes } from "../../test/changed.ts";
import { committedTpms, tpmInput } from "../../test/tpm-vectors.ts";
import { concatBytes, fromHex, toHex, utf8 } from "../bytes.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { readTpmAttest } from "./attest.ts";
import { derInteger, derSequence } from "./der.ts";
import { replayEventLog, TPM_EVENT_LOG_BYTES_MAX } from "./event-log.ts";
import { pcrDigestOf } from "./pcrs.ts";
import { readTpmPublic, spkiOfTpmKey, tpmNameOf, tpmPointOf } from "./public-area.ts";
import { madeByTpmKey, readTpmSignature } from "./signature.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const machines = committedTpms().map((recorded) => ({ kind: recorded.attestation_key, ...tpmInput(recorded) }));
const hex = (text: string): Bytes => fromHex(text.replaceAll(/[^0-9a-f]/g, ""));
const replay = (events: readonly LogEvent[], banks?: readonly number[]) =>
  replayEventLog(nodeCrypto, eventLog(events, banks));

/** Goal: what a TPM writes is read as the TPM meant it. Method: evidence that was recorded once; X.509 code of others. */
describe.each(machines)("a TPM with an $kind attestation key", ({ kind, evidence, quote }) => {
  const publicOf = (bytes: Uint8Array) => readTpmPublic(bytes) ?? expect.unreachable();
  const ak = publicOf(evidence.akPublic);

  it("describes its keys", () => {
    const ek = publicOf(evidence.ekPublic);
    expect([...ek.attributes]).toEqual(["fixedTPM", "fixedParent", "sensitiveDataOrigin", "restricted", "decrypt"]);
    expect(ek.symmetric).toEqual({ algorithm: 0x0006, keyBits: 128, mode: 0x0043 });
    expect(ek.scheme).toBeUndefined();
    expect([...ak.attributes]).toEqual(["fixedTPM", "fixedParent", "sensitiveDataOrigin", "restricted", "sign"]);
    expect(ak.scheme).toEqual({ id: kind === "rsa" ? 0x0014 : 0x0018, hash: 0x000b });
    expect(ak.key.kind).toBe(kind);
  });

  it("has an endorsement key that its certificate names", () => {
    const leaf = evidence.ekCertificates?.[0];
    const spki = new X509Certificate(leaf ?? new Uint8Array(0)).publicKey.export({ type: "spki", format: "der" });
    expect(toHex(spkiOfTpmKey(publicOf(evidence.ekPublic)))).toBe(spki.toString("hex"));
  });

  it("certifies the identity key by its name", async () => {
    const attest = readTpmAttest(evidence.certify.attest);
    expect(attest?.attested).toEqual({
      type: "certify",
      name: tpmNameOf(nodeCrypto, publicOf(evidence.keyPublic)),
      qualifiedName: expect.any(Uint8Array) as unknown,
    });
    expect(await madeByTpmKey(nodeCrypto, ak, evidence.certify.attest, evidence.certify.signature)).toBe(true);
    expect(await madeByTpmKey(nodeCrypto, ak, quote.attest, evidence.certify.signature)).toBe(false);
    expect(attest?.clock).toMatchObject({ resetCount: 2, restartCount: 0, safe: true });
  });

  it("quotes the PCRs to which its firmware's log leads", async () => {
    const attested = readTpmAttest(quote.attest)?.attested;
    if (attested?.type !== "quote") return expect.unreachable();
    expect(attested.selections).toEqual([{ hash: 0x000b, indexes: [0, 1, 2, 3, 4, 5, 6, 7] }]);
    expect(pcrDigestOf(nodeCrypto, attested.selections, quote.pcrs)).toEqual(attested.pcrDigest);
    expect(pcrDigestOf(nodeCrypto, attested.selections, quote.pcrs.toReversed())).toEqual(attested.pcrDigest);
    expect(await madeByTpmKey(nodeCrypto, ak, quote.attest, quote.signature)).toBe(true);
    const replayed = replayEventLog(nodeCrypto, quote.eventLog ?? new Uint8Array(0));
    expect(replayed?.slice(0, 8)).toEqual(quote.pcrs.map(({ sha256 }) => sha256));
  });

  const read: readonly (readonly [name: string, bytes: Uint8Array, parse: (bytes: Uint8Array) => unknown])[] = [
    ["an RSA public area", evidence.ekPublic, readTpmPublic],
    ["the attestation key's public area", evidence.akPublic, readTpmPublic],
    ["the identity key's public area", evidence.keyPublic, readTpmPublic],
    ["a certification", evidence.certify.attest, readTpmAttest],
    ["a quote", quote.attest, readTpmAttest],
    ["a signature", quote.signature, readTpmSignature],
  ];

  it.each(read)("%s is read whole or not at all", (_, bytes, parse) => {
    expect(parse(bytes)).toBeDefined();
    expect(parse(concatBytes(bytes, Uint8Array.of(0)))).toBeUndefined();
    for (let length = 0; length < bytes.length; length++) expect(parse(bytes.subarray(0, length))).toBeUndefined();
  });

  /** Goal: no bytes make a parser throw. Method: change some of good ones; and see that what is accepted differs. */
  it.each(read)("%s with changed bytes is refused or read as something else", (_, bytes, parse) => {
    const changes = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1 });
    fc.assert(
      fc.property(changes, (list) => {
        const changed = bytes.slice();
        for (const [at, by] of list) changed[at] = (changed[at] ?? 0) ^ by;
        if (toHex(changed) !== toHex(bytes)) expect(parse(changed)).not.toEqual(parse(bytes));
      }),
    );
  });
});

/** Goal: a stranger's bytes are nothing. Method: any bytes at all, by themselves and behind a good beginning. */
it.each([
  ["public area", readTpmPublic, ["", "0001000b", "0023000b", "0023000b00050472000000100018000b00030010"]],
  ["TPMS_ATTEST", readTpmAttest, ["", "ff544347", "ff5443478018", "ff5443478017"]],
  ["TPMT_SIGNATURE", readTpmSignature, ["", "0018000b", "0014000b"]],
  ["event log", (bytes: Uint8Array) => replayEventLog(nodeCrypto, bytes), ["", toHex(eventLog([]).slice(0, 60))]],
] as const)("neither throws at arbitrary bytes for a %s nor reads past them", (_, parse, beginnings) => {
  fc.assert(
    fc.property(fc.constantFrom(...beginnings), fc.uint8Array({ maxLength: 200 }), (beginning, rest) => {
      const bytes = concatBytes(fromHex(beginning), rest);
      const value = parse(bytes);
      // What was read ends where the bytes end, so one more byte is too many, but for a count that was read as such.
      if (value !== undefined) expect(parse(concatBytes(bytes, Uint8Array.of(0xff)))).toBeUndefined();
    }),
    { numRuns: 1000 },
  );
});

describe("a public area", () => {
  const x = "11".repeat(32);
  const y = "22".repeat(32);
  const ecc = (parts: { symmetric?: string; scheme?: string; curve?: string; kdf?: string; x?: string; y?: string }) =>
    hex(
      [
        "0023 000b 00040072 0000",
        parts.symmetric ?? "0010",
        parts.scheme ?? "0018 000b",
        parts.curve ?? "0003",
        parts.kdf ?? "0010",
        parts.x ?? `0020 ${x}`,
        parts.y ?? `0020 ${y}`,
      ].join(" "),
    );
  const rsa = (bits: string, exponent: string, modulus: string) =>
    hex(`0001 000b 00040072 0000 0010 0010 ${bits} ${exponent} ${modulus}`);

  it.each([
    ["as it is", ecc({}), true],
    ["with a cipher", ecc({ symmetric: "0006 0080 0043" }), true],
    ["with ECDAA and its count", ecc({ scheme: "001a 000b 0001" }), true],
    ["with a scheme for keys", ecc({ kdf: "0022 000b" }), true],
    ["with a scheme that is none", ecc({ scheme: "0099 000b" }), false],
    ["on a curve that is none", ecc({ curve: "0010" }), false],
    ["without a coordinate", ecc({ x: "0000" }), false],
    ["with a coordinate that is too long", ecc({ x: `0021 00${x}` }), false],
    ["of a keyed hash", hex("0008 000b 00040072 0000 0010 0000"), false],
    ["of RSA", rsa("0800", "00000000", `0100 ${"ff".repeat(256)}`), true],
    ["of RSA with the exponent that zero stands for", rsa("0800", "00010001", `0100 ${"ff".repeat(256)}`), true],
    ["of RSA with an exponent of one", rsa("0800", "00000001", `0100 ${"ff".repeat(256)}`), false],
    ["of RSA with an exponent of three", rsa("0800", "00000003", `0100 ${"ff".repeat(256)}`), false],
    ["of RSA with 1024 bits", rsa("0400", "00000000", `0080 ${"ff".repeat(128)}`), false],
    ["of RSA with a shorter modulus than it says", rsa("0800", "00000000", `0080 ${"ff".repeat(128)}`), false],
    ["of RSA with a modulus that begins with zero", rsa("0800", "00000000", `0100 00${"ff".repeat(255)}`), false],
  ])("%s", (_, bytes, good) => expect(readTpmPublic(bytes) !== undefined).toBe(good));

  it("may leave out a coordinate's leading zeros", () => {
    const read = readTpmPublic(ecc({ x: "0001 07" }));
    expect(read?.key.kind === "ecc" && toHex(tpmPointOf(read.key))).toBe(`04${"00".repeat(31)}07${y}`);
  });

  it("has no name here where another hash than SHA-256 makes it", () => {
    const other = ecc({});
    other.set([0x00, 0x0c], 2);
    const read = readTpmPublic(other);
    expect(read && tpmNameOf(nodeCrypto, read)).toBeUndefined();
  });
});

describe("what a TPM says", () => {
  const said = (parts: { magic?: string; type?: string; safe?: string }) =>
    hex(`${parts.magic ?? "ff544347"} ${parts.type ?? "8017"} 0000 0000 ${"00".repeat(16)} ${parts.safe ?? "01"}
      ${"00".repeat(8)} 0000 0000`);
  it.each([
    ["as it is", said({}), true],
    ["not by a TPM", said({ magic: "ff544348" }), false],
    ["of another type", said({ type: "8014" }), false],
    ["of another type, like a quote", concatBytes(said({ type: "8014" }), new Uint8Array(2)), false],
    ["neither safe nor unsafe", said({ safe: "02" }), false],
  ])("%s", (_, bytes, good) => expect(readTpmAttest(bytes) !== undefined).toBe(good));
});

describe("a signature", () => {
  it.each([
    ["0018 000b 0001 01 0001 80", "ecdsa_sha256", "30070201010202 0080"],
    ["0018 000b 0002 0001 0001 7f", "ecdsa_sha256", "30060201 0102017f"],
    ["0014 000b 0002 abcd", "rsa_pkcs1_sha256", "abcd"],
  ])("%s is %s", (bytes, algorithm, signature) =>
    expect(readTpmSignature(hex(bytes))).toEqual({ algorithm, signature: hex(signature) }),
  );

  it.each([
    ["with SHA-1", "0018 0004 0001 01 0001 01"],
    ["of a scheme that is not used here", "0016 000b 0002 abcd"],
    ["none", "0010"],
    ["with bytes behind", "0018 000b 0001 01 0001 01 00"],
    ["with a number that is too long", `0018 000b 0043 ${"01".repeat(67)} 0001 01`],
  ])("%s is none", (_, bytes) => expect(readTpmSignature(hex(bytes))).toBeUndefined());

  it("writes DER of long content", () => {
    expect(toHex(derSequence(new Uint8Array(127))).slice(0, 4)).toBe("307f");
    expect(toHex(derSequence(new Uint8Array(128))).slice(0, 6)).toBe("308180");
    expect(toHex(derSequence(new Uint8Array(256))).slice(0, 8)).toBe("30820100");
    expect(toHex(derInteger(new Uint8Array(3)))).toBe("020100");
  });
});

describe("PCRs", () => {
  const pcr = (index: number) => ({ index, sha256: new Uint8Array(32).fill(index) });
  const sha256Bank = (indexes: number[]) => ({ hash: 0x000b, indexes });
  it.each([
    ["those that are selected", [sha256Bank([0, 2])], [pcr(0), pcr(2)], true],
    ["one too few", [sha256Bank([0, 2])], [pcr(0)], false],
    ["one too many", [sha256Bank([0, 2])], [pcr(0), pcr(1), pcr(2)], false],
    ["another", [sha256Bank([0, 2])], [pcr(0), pcr(1)], false],
    ["one twice", [sha256Bank([0, 2])], [pcr(0), pcr(0)], false],
    ["of another bank", [{ hash: 0x000c, indexes: [0] }], [pcr(0)], false],
    ["of two banks", [sha256Bank([0]), { hash: 0x000c, indexes: [] }], [pcr(0)], false],
    ["of none", [], [], false],
    ["of another length", [sha256Bank([0])], [{ index: 0, sha256: new Uint8Array(31) }], false],
  ])("%s", (_, selections, pcrs, good) => expect(pcrDigestOf(nodeCrypto, selections, pcrs) !== undefined).toBe(good));
});

/** Goal: a log leads to what the TPM holds, or to nothing. Method: logs written here; the extension written out by hand. */
describe("an event log", () => {
  const [, crtm = startupLocality(0)] = sampleEvents;
  const one = toHex(nodeCrypto.sha256(new Uint8Array(32), digestOf(crtm)));
  const first = (events: readonly LogEvent[]) => toHex(replay(events)?.[0] ?? new Uint8Array(0));

  it("extends a PCR with each digest", () => {
    expect(first([crtm])).toBe(one);
    expect(first([crtm, crtm])).toBe(toHex(nodeCrypto.sha256(fromHex(one), digestOf(crtm))));
    expect(replay([])?.map(toHex)).toEqual(
      Array.from({ length: 24 }, (_, index) => (index >= 17 && index <= 22 ? "ff" : "00").repeat(32)),
    );
  });

  it("begins where the TPM was started from, which is not extended", () => {
    expect(first([startupLocality(3)])).toBe(`${"00".repeat(31)}03`);
    const begun = new Uint8Array(32);
    begun[31] = 3;
    expect(first([startupLocality(3), crtm])).toBe(toHex(nodeCrypto.sha256(begun, digestOf(crtm))));
    expect(first([{ pcr: 0, type: 3, data: utf8("for the reader") }, crtm])).toBe(one);
  });

  const eventOnly = (banks: readonly number[]) => eventLog([crtm], banks).slice(eventLog([], banks).length);
  const log = eventLog([crtm]);
  const header = eventLog([]).length;
  const changed = (at: number, byte: number) => log.with(at, byte);
  it.each([
    ["is cut off", log.slice(0, -1)],
    ["has a byte behind", concatBytes(log, Uint8Array.of(0))],
    ["is empty", new Uint8Array(0)],
    ["is the older kind, without a first event that names its banks", log.slice(header)],
    ["has no SHA-256", eventLog([crtm], [0x0004])],
    ["names a bank twice", eventLog([], [0x000b, 0x000b])],
    ["has an event with one bank too few", concatBytes(eventLog([]), eventOnly([0x000b]))],
    ["has an event with a bank twice", concatBytes(eventLog([]), eventOnly([0x000b, 0x000b]))],
    ["names a PCR that no TPM has", eventLog([{ ...crtm, pcr: 24 }])],
    ["has an event without one of its banks", changed(header + 8, 1)],
    ["has an event of a bank that it does not name", changed(header + 12, 0x0c)],
    ["says too late where it was started from", eventLog([crtm, startupLocality(3)])],
    ["is longer than a log may be", new Uint8Array(TPM_EVENT_LOG_BYTES_MAX + 1)],
  ])("leads nowhere where it %s", (_, bytes) => expect(replayEventLog(nodeCrypto, bytes)).toBeUndefined());

  /**
   * Goal: no log throws, and none that extends something else leads to the same PCRs. Method: a real machine's log with
   * some bytes changed; one digest of it changed.
   */
  it("leads elsewhere where it was changed, or nowhere", () => {
    const [machine] = machines;
    const real = machine?.quote.eventLog ?? new Uint8Array(0);
    expect(replayEventLog(nodeCrypto, real)).toHaveLength(24);
    const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(changedBytes(real), fc.nat(sampleEvents.length - 2), digest, (other, at, extended) => {
        const after = replayEventLog(nodeCrypto, other);
        if (after) expect(after.map(({ length }) => length)).toEqual(Array.from({ length: 24 }, () => 32));
        const events = sampleEvents.slice(1);
        const event = events[at] ?? crtm;
        const extending = { ...event, digest: extended };
        expect(replay([...events.slice(0, at), extending, ...events.slice(at + 1)])).not.toEqual(replay(events));
      }),
      { numRuns: 200 },
    );
  });

  it("is read up to its bound", () => {
    const event = {
      ...crtm,
      data: new Uint8Array(TPM_EVENT_LOG_BYTES_MAX - eventLog([{ ...crtm, data: new Uint8Array(0) }]).length),
    };
    expect(eventLog([event]).length).toBe(TPM_EVENT_LOG_BYTES_MAX);
    expect(replay([event])).toBeDefined();
    expect(replay([{ ...event, data: new Uint8Array(event.data.length + 1) }])).toBeUndefined();
  });
});
