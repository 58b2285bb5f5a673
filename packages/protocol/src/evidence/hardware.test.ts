import { describe, expect, it } from "vitest";
import { appleShape } from "../../test/apple.ts";
import { certify, testKeys } from "../../test/certificates.ts";
import { secretNamed } from "../../test/keys.ts";
import { challengeNonce, sampleAnswer, sampleBlob, signedOffer, signer, startMs } from "../../test/samples.ts";
import { fromHex, utf8 } from "../bytes.ts";
import { CHALLENGE_EVERY_MS } from "../limits.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { appleNonce } from "./apple.ts";
import {
  hardwareEvidenceFrom,
  hardwareEvidenceSchema,
  spelledHardwareEvidence,
  withoutMachine,
  type HardwareEvidence,
} from "./hardware-evidence.ts";
import { signBlob, signChallengeAnswer } from "./signing.ts";
import type { Evidence, Policy, Verdict } from "./verdict.ts";
import { verify } from "./verify.ts";

const apple = await appleShape("Enterprise");
const SERIAL = "C02TESTSERIAL";
const ARC = "1.2.840.113635.100.8";
const random = secretNamed("apple random");
const leaf = await certify({
  subject: { name: "CN=0123456789abcdef", keys: await testKeys("p384") },
  issuer: apple.intermediate,
  hash: "SHA-384",
  keyUsage: "digitalSignature",
  extensions: [
    { oid: `${ARC}.9.1`, value: utf8(SERIAL) },
    { oid: `${ARC}.11.1`, value: appleNonce(nodeCrypto, signer.publicKey, random) },
    { oid: `${ARC}.13.1`, value: fromHex("020100") },
    { oid: `${ARC}.13.2`, value: utf8("Full Security") },
  ],
});
const mda = { chain: [leaf, apple.intermediateDer], random };
const bytes = (fill: number) => new Uint8Array(8).fill(fill);
const tpm = {
  ekCertificates: [bytes(1)],
  ekPublic: bytes(2),
  akPublic: bytes(3),
  keyPublic: bytes(4),
  certify: { attest: bytes(5), signature: bytes(6) },
};

/** A Mac with a blob, a challenge and this evidence beside them. */
async function verdictOf(hardware: HardwareEvidence, policy: Partial<Policy> = {}, serial = SERIAL): Promise<Verdict> {
  const blob = await signBlob(signer, { ...sampleBlob(), platform: "macos", serial });
  const answer = await signChallengeAnswer(signer, sampleAnswer(blob.bytes));
  const evidence: Evidence = {
    blob: blob.bytes,
    blobSignature: blob.signature,
    ...(await signedOffer()),
    challenge: { nonce: challengeNonce, callersRoot: null, answer: answer.bytes, signature: answer.signature },
    hardware,
  };
  const roots = { appleEnterprise: [apple.pinned] };
  return verify(nodeCrypto, evidence, { moment: "later", roots, ...policy }, startMs + CHALLENGE_EVERY_MS);
}
const notPassed = ({ checks }: Verdict, prefix: string): string[] =>
  checks
    .filter(({ id, status }) => id.startsWith(prefix) && status !== "pass")
    .map(({ id, status }) => `${id} ${status}`);

/** Goal: what a maker says is part of the verdict, and makes the level. Method: one thing changed in each row. */
describe("a machine that Apple vouches for", () => {
  it("is at level hardware, and nothing says where its key is", async () => {
    const verdict = await verdictOf({ mda });
    expect(verdict.level).toBe("hardware");
    expect(verdict.checks.find(({ id }) => id === "key.residency")?.status).toBe("unknown");
  });

  it.each<[string, Promise<Verdict>, string]>([
    ["no root given", verdictOf({ mda }, { roots: {} }), "apple.mda.path unknown"],
    ["another serial in its blob", verdictOf({ mda }, {}, "C02OTHERSERIA"), "apple.mda.serial fail"],
    ["another random part", verdictOf({ mda: { ...mda, random: bytes(9) } }), "apple.mda.freshness fail"],
    ["its chain withheld", verdictOf(withoutMachine({ mda })), "apple.mda.path unknown"],
  ])("is not so with %s", async (_, judged, expected) => {
    const verdict = await judged;
    expect(verdict.level).toBe("self_signed");
    expect(notPassed(verdict, "apple.mda")).toContain(expected);
  });

  it("may be named otherwise to others, by whoever knows its own serial", async () => {
    expect((await verdictOf({ mda }, { ownSerial: SERIAL }, "another name")).level).toBe("hardware");
  });
});

describe("a machine with evidence that shows nothing", () => {
  it("is judged by the rest", async () => {
    const verdict = await verdictOf({ tpm });
    expect(verdict.level).toBe("self_signed");
    expect(notPassed(verdict, "tpm.")).toContain("tpm.key.certified fail");
  });
});

describe("hardware evidence on the wire", () => {
  const sent = (hardware: HardwareEvidence): HardwareEvidence =>
    hardwareEvidenceFrom(hardwareEvidenceSchema.parse(JSON.parse(JSON.stringify(spelledHardwareEvidence(hardware)))));

  it.each<[string, HardwareEvidence]>([
    ["all of it", { tpm, mda }],
    ["none", {}],
    ["what does not name the machine", withoutMachine({ tpm, mda })],
  ])("arrives as it was sent: %s", (_, hardware) => expect(sent(hardware)).toEqual(hardware));

  it("without what names the machine has no certificate and no key of its maker's", () => {
    const text = JSON.stringify(spelledHardwareEvidence(withoutMachine({ tpm, mda })));
    for (const word of ["chain", "ek_"]) expect(text).not.toContain(word);
  });
});
