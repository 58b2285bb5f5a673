import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeTpmCredential } from "@darkbloom/coordinator/testing";
import { equalBytes, toBase64, toHex } from "@darkbloom/protocol/bytes";
import {
  activationStatement,
  attestationSchema,
  publishedEvidence,
  readBlob,
  signBlob,
  signChallengeAnswer,
  signOffer,
  softwareSerial,
  spelledTpmCredential,
  spelledTpmEvidence,
  spelledTpmQuote,
  tpmChecks,
  tpmCredentialFrom,
  tpmCredentialSchema,
  tpmEvidenceFrom,
  tpmEvidenceSchema,
  tpmQuoteData,
  tpmQuoteFrom,
  tpmQuoteSchema,
  verify,
  verifyPublished,
  withoutMachine,
  type Attestation,
  type Check,
  type Evidence,
  type MachinePolicy,
  type TpmBound,
  type TpmEvidence,
  type TpmQuote,
} from "@darkbloom/protocol/evidence";
import { HPKE_KEY_LIFE_MS } from "@darkbloom/protocol/limits";
import { readTpmPublic, tpmNameOf } from "@darkbloom/protocol/tpm";
import { hpkeKeyFrom, nodeCrypto, openDataFolder, systemClock } from "@darkbloom/protocol/node";
import { openIdentity, type Identity } from "@darkbloom/provider/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasSoftTpm, SoftTpm } from "../../../apps/provider/test/soft-tpm.ts";
import { pinnedByItself, testCountersigner } from "../../protocol/test/keys.ts";
import { sampleAnswer, sampleBlob, sampleOffer } from "../../protocol/test/samples.ts";
import { startMachine } from "./record-tpm.ts";

type TpmKey = NonNullable<Identity["tpm"]>;
type Subject = Omit<TpmBound, "activation">;

/** A machine with its TPM, and the provider's identity key in it. */
interface Machine {
  readonly soft: SoftTpm;
  readonly key: TpmKey;
  readonly evidence: TpmEvidence;
}

const START_MS_MAX = 60_000;
const bound = (key: TpmKey): Subject => ({
  identityKey: key.publicKey,
  hpkePublicKeys: [randomBytes(32), randomBytes(32)],
  nonce: randomBytes(32),
});

/** As it arrives at the other end. */
const sent = (value: object): unknown => JSON.parse(JSON.stringify(value));
const arrivedEvidence = (evidence: TpmEvidence) =>
  tpmEvidenceFrom(tpmEvidenceSchema.parse(sent(spelledTpmEvidence(evidence))));
const quoteOf = async (key: TpmKey, subject: Subject): Promise<TpmQuote> =>
  tpmQuoteFrom(tpmQuoteSchema.parse(sent(spelledTpmQuote(await key.quote(tpmQuoteData(nodeCrypto, subject))))));

/** The coordinator's part of an activation, and whoever answers it. */
async function activated({ ekPublic, akPublic }: TpmEvidence, by: TpmKey): Promise<Check["status"]> {
  const ak = readTpmPublic(akPublic);
  const name = ak && tpmNameOf(nodeCrypto, ak);
  const secret = randomBytes(32);
  const credential = name && makeTpmCredential(ekPublic, name, secret);
  if (!credential) return "fail";
  const arrived = tpmCredentialFrom(tpmCredentialSchema.parse(sent(spelledTpmCredential(credential))));
  try {
    return equalBytes(await by.activate(arrived), secret) ? "pass" : "fail";
  } catch {
    return "fail";
  }
}

/**
 * Goal: what the provider's own TPM code makes is what the verifier takes, and nobody passes with another's TPM.
 * Method: two machines with software TPMs of two makers; everything goes through the schemas of the wire, and
 * each lie is told with real answers.
 */
describe.skipIf(!hasSoftTpm)("a provider's TPM before the verifier (needs swtpm)", { timeout: START_MS_MAX }, () => {
  const opened = new AsyncDisposableStack();
  let machine: Machine, other: Machine;

  const start = async (): Promise<Machine> => {
    const soft = opened.use(await SoftTpm.start());
    soft.write("log", await startMachine(soft));
    const path = mkdtempSync(join(tmpdir(), "darkbloom-tpm-provider-"));
    opened.defer(() => rmSync(path, { recursive: true }));
    const folder = opened.use(await openDataFolder(path, "provider"));
    const place = { address: soft.address, clock: systemClock, eventLogPath: soft.file("log") };
    const { tpm } = opened.use(await openIdentity(folder, "tpm", place));
    if (!tpm) return expect.unreachable();
    return { soft, key: tpm, evidence: arrivedEvidence(await tpm.evidence()) };
  };
  beforeAll(async () => {
    [machine, other] = await Promise.all([start(), start()]);
  }, START_MS_MAX);
  afterAll(() => opened.disposeAsync());

  const checksOf = (shown: {
    readonly evidence?: TpmEvidence;
    readonly quote: TpmQuote;
    readonly subject: Subject;
    readonly activation?: Check["status"];
  }): Promise<readonly Check[]> =>
    tpmChecks(
      nodeCrypto,
      shown.evidence ?? machine.evidence,
      shown.quote,
      { ...shown.subject, activation: shown.activation ?? "pass" },
      // The TPM carries its own certificate only, so its issuer is what an operator pins.
      {
        tpmRoots: [pinnedByItself(machine.soft.issuerDer)],
        pcrs: { 7: shown.quote.pcrs.filter(({ index }) => index === 7).map(({ sha256 }) => toHex(sha256)) },
      },
      Date.now(),
    );
  const notPassed = (checks: readonly Check[]): string[] =>
    checks.filter(({ status }) => status !== "pass").map(({ id, status }) => `${id} ${status}`);
  const unproven = ["tpm.pcr_policy fail", "tpm.event_log fail"];

  it("passes every check", async () => {
    const subject = bound(machine.key);
    const activation = await activated(machine.evidence, machine.key);
    const checks = await checksOf({ quote: await quoteOf(machine.key, subject), subject, activation });
    expect(notPassed(checks)).toEqual([]);
    expect(checks).toHaveLength(13);
  });

  it("does not pass where another TPM answers for it", async () => {
    const subject = bound(machine.key);
    const activation = await activated(machine.evidence, other.key);
    expect(notPassed(await checksOf({ quote: await quoteOf(machine.key, subject), subject, activation }))).toEqual([
      "tpm.activation fail",
    ]);
    const relayed = await quoteOf(other.key, subject);
    expect(notPassed(await checksOf({ quote: relayed, subject }))).toEqual(["tpm.quote.signature fail", ...unproven]);
  });

  it("does not pass with a genuine TPM's endorsement key before keys of another", async () => {
    const { ekPublic, ekCertificates = [] } = machine.evidence;
    const borrowed = { ...other.evidence, ekPublic, ekCertificates };
    const subject = bound(other.key);
    for (const by of [machine.key, other.key]) {
      const activation = await activated(borrowed, by);
      const checks = await checksOf({
        evidence: borrowed,
        quote: await quoteOf(other.key, subject),
        subject,
        activation,
      });
      expect(notPassed(checks)).toEqual(["tpm.activation fail"]);
    }
  });

  it("does not pass with a quote of before", async () => {
    const before = bound(machine.key);
    const quote = await quoteOf(machine.key, before);
    const now = { ...before, nonce: randomBytes(32) };
    expect(notPassed(await checksOf({ quote, subject: now }))).toEqual(["tpm.quote.nonce fail", ...unproven]);
  });

  it("does not pass with a quote over another nonce, other HPKE keys or another identity key", async () => {
    const asked = bound(machine.key);
    for (const said of [
      { ...asked, nonce: randomBytes(32) },
      { ...asked, hpkePublicKeys: asked.hpkePublicKeys.toReversed() },
      { ...asked, identityKey: other.key.publicKey },
    ]) {
      const quote = await quoteOf(machine.key, said);
      expect(notPassed(await checksOf({ quote, subject: asked }))).toEqual(["tpm.quote.nonce fail", ...unproven]);
    }
  });

  it("does not pass with an endorsement key that no known maker has certified", async () => {
    const subject = bound(other.key);
    const { evidence, key } = other;
    const activation = await activated(evidence, key);
    const quote = await quoteOf(key, subject);
    expect(notPassed(await checksOf({ evidence, quote, subject, activation }))).toEqual(["tpm.ek.path fail"]);
    const { ekCertificates: _, ...rest } = evidence;
    const without = { ...rest, ekCertificates: [] };
    expect(notPassed(await checksOf({ evidence: without, quote, subject, activation }))).toEqual([
      "tpm.ek.path fail",
      "tpm.ek.key fail",
      "tpm.ek.shape fail",
    ]);
  });

  it("does not pass with a known maker's certificate for another endorsement key", async () => {
    const subject = bound(machine.key);
    const forged = { ...machine.evidence, ekPublic: other.evidence.ekPublic };
    const quote = await quoteOf(machine.key, subject);
    expect(await activated(forged, machine.key)).toBe("fail");
    expect(notPassed(await checksOf({ evidence: forged, quote, subject }))).toEqual(["tpm.ek.key fail"]);
  });

  /** All that a coordinator would have of the machine, its own activation included. */
  async function complete(): Promise<{
    readonly evidence: Evidence;
    readonly coordinatorKeys: Map<string, Uint8Array>;
  }> {
    const coordinator = testCountersigner("coordinator");
    const nonce = new Uint8Array(randomBytes(32));
    const key = hpkeKeyFrom(new Uint8Array(randomBytes(32)), Date.now() + HPKE_KEY_LIFE_MS);
    const said = { ...sampleBlob(key), identity_key: toBase64(machine.key.publicKey), at: new Date().toISOString() };
    const blob = await signBlob(machine.key, { ...said, serial: softwareSerial(nodeCrypto, machine.key.publicKey) });
    const offered = await signOffer(machine.key, { ...sampleOffer, identity_key: toBase64(machine.key.publicKey) });
    const offer = { offer: offered.bytes, offerSignature: offered.signature };
    const answer = await signChallengeAnswer(machine.key, {
      ...sampleAnswer(blob.bytes, [key.id]),
      offer_sha256: toHex(nodeCrypto.sha256(offered.bytes)),
      nonce: toBase64(nonce),
      at: new Date().toISOString(),
    });
    const subject = { identityKey: machine.key.publicKey, hpkePublicKeys: [key.publicKey], nonce };
    const { statement, message } = activationStatement(nodeCrypto, machine.evidence, Date.now());
    return {
      coordinatorKeys: new Map([["c1", coordinator.publicKey]]),
      evidence: {
        blob: blob.bytes,
        blobSignature: blob.signature,
        ...offer,
        challenge: {
          nonce,
          callersRoot: null,
          answer: answer.bytes,
          signature: answer.signature,
          quote: await quoteOf(machine.key, subject),
        },
        hardware: { tpm: machine.evidence },
        activation: { statement, signature: coordinator.sign(message), keyId: "c1" },
      },
    };
  }

  it("makes the machine hardware, for the coordinator and for whoever verifies what it publishes", async () => {
    const { evidence, coordinatorKeys } = await complete();
    const roots = { tpm: [pinnedByItself(machine.soft.issuerDer)] };
    const own = await verify(nodeCrypto, evidence, { moment: "later", roots, activation: "pass" }, Date.now());
    expect(own.level).toBe("hardware");
    expect(own.checks.find(({ id }) => id === "key.residency")?.status).toBe("pass");

    const said = readBlob(evidence.blob) ?? expect.unreachable();
    const published = (shown: Evidence): Attestation =>
      attestationSchema.parse(
        sent({
          provider_id: "prov_1",
          provider_serial: said.serial,
          se_public_key: said.identity_key,
          chip_name: said.chip_name,
          hardware_model: said.hardware_model,
          models: [],
          trust_level: "hardware",
          evidence_sha256: toHex(nodeCrypto.sha256(evidence.blob)),
          evidence: publishedEvidence(shown, said.platform),
          verdict: { level: "hardware", checks: [], at: own.at, age_sec: 0 },
        }),
      );
    const seenBy = async (policy: MachinePolicy, shown = evidence) => {
      const { level, checks } = await verifyPublished(nodeCrypto, published(shown), policy, Date.now());
      return { level, told: checks.find(({ id }) => id === "published.level")?.status };
    };
    expect(await seenBy({ roots, coordinatorKeys })).toEqual({ level: "hardware", told: "pass" });
    // What somebody cannot check is no lie of the coordinator's.
    expect(await seenBy({ coordinatorKeys })).toEqual({ level: "self_signed", told: "unknown" });
    expect(await seenBy({ roots })).toEqual({ level: "self_signed", told: "unknown" });
    const withheld = { ...evidence, hardware: withoutMachine({ tpm: machine.evidence }) };
    expect(await seenBy({ roots, coordinatorKeys }, withheld)).toEqual({ level: "self_signed", told: "unknown" });
    // What is refuted is one.
    const others = { ...evidence, hardware: { tpm: other.evidence } };
    expect(await seenBy({ roots, coordinatorKeys }, others)).toEqual({ level: "self_signed", told: "fail" });
  });
});
