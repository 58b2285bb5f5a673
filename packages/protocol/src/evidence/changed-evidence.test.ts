import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { appleShape } from "../../test/apple.ts";
import { certify, testKeys } from "../../test/certificates.ts";
import { changedBytes, changedJson, changedText, replacedAt, valueAt, waysIn, type Way } from "../../test/changed.ts";
import { secretNamed, testCountersigner } from "../../test/keys.ts";
import { paperTpm } from "../../test/paper-tpm.ts";
import { challengeNonce, hpkeKey, sampleAnswer, sampleBlob, signedOffer, signer, startMs } from "../../test/samples.ts";
import { concatBytes, fromBase64, fromBase64OrNothing, fromUtf8, toHex, utf8 } from "../bytes.ts";
import { canonicalJson } from "../canonical.ts";
import { CHALLENGE_EVERY_MS } from "../limits.ts";
import { nodeCrypto, nodeHpke } from "../node/index.ts";
import { SEAL_INFO } from "../sealing/envelope.ts";
import { tags } from "../wire/registration.ts";
import { activationStatement } from "./activation.ts";
import { appleNonce } from "./apple.ts";
import { nonceTree } from "./caller-nonces.ts";
import { signBlob, signChallengeAnswer } from "./signing.ts";
import type { Evidence, Policy, TrustLevel } from "./verdict.ts";
import { readBlob, readOffer, verify } from "./verify.ts";

const now = startMs + CHALLENGE_EVERY_MS;
const SERIAL = "C02TESTSERIAL";
const callersRoot = nonceTree(nodeCrypto, [secretNamed("a caller's nonce")]).root;

/** A machine with everything that is signed, and by its maker's root at level hardware. */
interface Shown {
  readonly evidence: Evidence;
  readonly policy: Policy;
}

async function shown(
  platform: "macos" | "linux",
  more: Pick<Evidence, "hardware" | "activation">,
  quote?: object,
): Promise<Evidence> {
  const blob = await signBlob(signer, { ...sampleBlob(), platform, serial: SERIAL });
  const answer = await signChallengeAnswer(signer, { ...sampleAnswer(blob.bytes), callers_root: callersRoot });
  const challenge = { nonce: challengeNonce, callersRoot, answer: answer.bytes, signature: answer.signature, ...quote };
  return { blob: blob.bytes, blobSignature: blob.signature, ...(await signedOffer()), challenge, ...more };
}

async function mac(): Promise<Shown> {
  const apple = await appleShape("Enterprise");
  const random = secretNamed("apple random");
  const leaf = await certify({
    subject: { name: "CN=0123456789abcdef", keys: await testKeys("p384") },
    issuer: apple.intermediate,
    hash: "SHA-384",
    keyUsage: "digitalSignature",
    extensions: [
      { oid: "1.2.840.113635.100.8.9.1", value: utf8(SERIAL) },
      { oid: "1.2.840.113635.100.8.11.1", value: appleNonce(nodeCrypto, signer.publicKey, random) },
      { oid: "1.2.840.113635.100.8.13.1", value: Uint8Array.of(2, 1, 0) },
      { oid: "1.2.840.113635.100.8.13.2", value: utf8("Full Security") },
    ],
  });
  const mda = { chain: [leaf, apple.intermediateDer], random };
  return {
    evidence: await shown("macos", { hardware: { mda } }),
    policy: { moment: "later", roots: { appleEnterprise: [apple.pinned] } },
  };
}

async function withTpm(): Promise<Shown> {
  const subject = { identityKey: signer.publicKey, hpkePublicKeys: [hpkeKey().publicKey], nonce: challengeNonce };
  const { evidence: tpm, quote, root } = await paperTpm(subject);
  const coordinator = testCountersigner("coordinator key");
  const { statement, message } = activationStatement(nodeCrypto, tpm, startMs);
  const activation = { statement, signature: coordinator.sign(message), keyId: "c1" };
  return {
    evidence: await shown("linux", { hardware: { tpm }, activation }, { quote }),
    policy: { moment: "later", roots: { tpm: [root] }, coordinatorKeys: new Map([["c1", coordinator.publicKey]]) },
  };
}

const machines = [
  ["Apple", await mac()],
  ["a TPM's maker", await withTpm()],
] as const;

const levelOf = async (evidence: Evidence, { policy }: Shown): Promise<TrustLevel> =>
  (await verify(nodeCrypto, evidence, policy, now)).level;

/** What is left when this is changed: a maker's words, and a coordinator's, bear only the level hardware. */
const isOfMaker = ([first, second]: Way): boolean =>
  first === "hardware" || first === "activation" || second === "quote";

const partsOf = (evidence: Evidence): readonly Way[] =>
  waysIn(evidence).filter((way) => {
    const held = valueAt(evidence, way);
    return typeof held !== "object" || held instanceof Uint8Array;
  });

function changed(held: unknown): fc.Arbitrary<unknown> {
  if (held instanceof Uint8Array) return changedBytes(held);
  if (typeof held === "string") return changedText(held);
  return fc.integer().filter((other) => other !== held);
}

describe.each(machines)("evidence for which %s vouches", (_, machine) => {
  it("is at level hardware as it is", async () => expect(await levelOf(machine.evidence, machine)).toBe("hardware"));

  /**
   * Goal: no level outlives a change of what it rests on. Method: every part of the evidence, found by walking
   * through it, with some bytes changed, added, taken away or cut off.
   */
  it("loses the level that rests on what was changed", async () => {
    const change = fc
      .constantFrom(...partsOf(machine.evidence))
      .chain((way) => changed(valueAt(machine.evidence, way)).map((by) => [way, by] as const));
    await fc.assert(
      fc.asyncProperty(change, async ([way, by]) => {
        const level = await levelOf(replacedAt(machine.evidence, way, by) as Evidence, machine);
        expect(level, way.join(".")).toBe(isOfMaker(way) ? "self_signed" : "none");
      }),
      { numRuns: 400 },
    );
  });

  /**
   * Goal: what a machine signs itself is judged, whatever it says; and what passes can be used: compared with what it
   * says later, and sealed for. Method: one value of its blob or its answer changed, and all of it signed anew.
   */
  it("is judged where the machine signs something else", async () => {
    const { challenge, blob: goodBlob, offer: goodOffer, ...rest } = machine.evidence;
    if (!challenge) return expect.unreachable();
    const json = (bytes: Uint8Array): unknown => JSON.parse(fromUtf8(bytes));
    const encoded = (value: unknown) => utf8(JSON.stringify(value) ?? "");
    const signed = (tag: string, bytes: Uint8Array) => signer.sign(concatBytes(utf8(tag), bytes));
    const said = fc.oneof(
      changedJson(json(goodBlob)).map((blob) => {
        const bytes = encoded(blob);
        return [bytes, goodOffer, encoded({ ...sampleAnswer(bytes), callers_root: callersRoot })] as const;
      }),
      changedJson(json(goodOffer)).map((offer) => {
        const bytes = encoded(offer);
        const named = { offer_sha256: toHex(nodeCrypto.sha256(bytes)), callers_root: callersRoot };
        return [goodBlob, bytes, encoded({ ...sampleAnswer(goodBlob), ...named })] as const;
      }),
      changedJson(json(challenge.answer)).map((answer) => [goodBlob, goodOffer, encoded(answer)] as const),
    );
    await fc.assert(
      fc.asyncProperty(said, async ([blob, offer, answer]) => {
        const evidence: Evidence = {
          ...rest,
          blob,
          blobSignature: signed(tags.registration, blob),
          offer,
          offerSignature: signed(tags.offer, offer),
          challenge: { ...challenge, answer, signature: signed(tags.challenge, answer) },
        };
        const { level, checks } = await verify(nodeCrypto, evidence, machine.policy, now);
        const read = readBlob(blob);
        if (!readOffer(offer)) expect(level).toBe("none");
        if (!read) expect(level).toBe("none");
        if (!read) return;
        canonicalJson(read);
        if (level === "hardware") expect(fromBase64OrNothing(read.identity_key)).toEqual(signer.publicKey);
        if (!checks.some(({ id, status }) => id === "hpke.keys" && status === "pass")) return;
        for (const key of read.hpke_keys) nodeHpke.sealContext(key.suite, fromBase64(key.public_key), SEAL_INFO);
      }),
      { numRuns: 600 },
    );
  });

  /** Goal: a stranger's bytes throw nothing and earn nothing. Method: any bytes in every place, and in all but the blob's. */
  it("is nothing where it is of any other bytes", async () => {
    const bytes = fc.uint8Array({ maxLength: 120 });
    const text = fc.string({ maxLength: 80 });
    const statement = { attest: bytes, signature: bytes };
    const pcrs = fc.array(fc.record({ index: fc.integer(), sha256: bytes }), { maxLength: 3 });
    const chain = fc.array(bytes, { maxLength: 3 });
    const tpm = { ekPublic: bytes, akPublic: bytes, keyPublic: bytes, certify: fc.record(statement) };
    const arbitrary = fc.record({
      blob: bytes,
      blobSignature: bytes,
      offer: bytes,
      offerSignature: bytes,
      challenge: fc.record({
        nonce: bytes,
        callersRoot: fc.option(text),
        answer: bytes,
        signature: bytes,
        quote: fc.record({ ...statement, pcrs, eventLog: bytes }),
      }),
      hardware: fc.record({
        tpm: fc.record({ ekCertificates: chain, ...tpm }),
        mda: fc.record({ chain, random: bytes }),
      }),
      activation: fc.record({ statement: bytes, signature: bytes, keyId: fc.constantFrom("c1", "c2") }),
    });
    const policy = { ...machine.policy, roots: { ...machine.policy.roots } };
    await fc.assert(
      fc.asyncProperty(arbitrary, async (any) => {
        const junk = any as Evidence;
        const { hardware, activation } = any;
        expect(await levelOf(junk, { ...machine, policy })).toBe("none");
        const { blob: good, blobSignature: goodSignature } = machine.evidence;
        const behindGood = { ...junk, blob: good, blobSignature: goodSignature };
        expect(await levelOf(behindGood, { ...machine, policy })).toBe("none");
        const goodButMaker = { ...machine.evidence, hardware, activation } as Evidence;
        expect(await levelOf(goodButMaker, { ...machine, policy })).toBe("self_signed");
      }),
      { numRuns: 100 },
    );
  });
});
