import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeTpmCredential } from "@darkbloom/coordinator/testing";
import {
  equalBytes,
  readTpmPublic,
  spelledTpmCredential,
  spelledTpmEvidence,
  spelledTpmQuote,
  toHex,
  tpmChecks,
  tpmCredentialFrom,
  tpmCredentialSchema,
  tpmEvidenceFrom,
  tpmEvidenceSchema,
  tpmNameOf,
  tpmQuoteData,
  tpmQuoteFrom,
  tpmQuoteSchema,
  type Check,
  type TpmBound,
  type TpmEvidence,
  type TpmQuote,
} from "@darkbloom/protocol";
import { nodeCrypto, openDataFolder, systemClock } from "@darkbloom/protocol/node";
import { openIdentity, type Identity } from "@darkbloom/provider/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasSoftTpm, SoftTpm } from "../../../apps/provider/test/soft-tpm.ts";
import { pinnedByItself } from "../../protocol/test/keys.ts";
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
  }): readonly Check[] =>
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
    const checks = checksOf({ quote: await quoteOf(machine.key, subject), subject, activation });
    expect(notPassed(checks)).toEqual([]);
    expect(checks).toHaveLength(13);
  });

  it("does not pass where another TPM answers for it", async () => {
    const subject = bound(machine.key);
    const activation = await activated(machine.evidence, other.key);
    expect(notPassed(checksOf({ quote: await quoteOf(machine.key, subject), subject, activation }))).toEqual([
      "tpm.activation fail",
    ]);
    const relayed = await quoteOf(other.key, subject);
    expect(notPassed(checksOf({ quote: relayed, subject }))).toEqual(["tpm.quote.signature fail", ...unproven]);
  });

  it("does not pass with a genuine TPM's endorsement key before keys of another", async () => {
    const { ekPublic, ekCertificates = [] } = machine.evidence;
    const borrowed = { ...other.evidence, ekPublic, ekCertificates };
    const subject = bound(other.key);
    for (const by of [machine.key, other.key]) {
      const activation = await activated(borrowed, by);
      const checks = checksOf({ evidence: borrowed, quote: await quoteOf(other.key, subject), subject, activation });
      expect(notPassed(checks)).toEqual(["tpm.activation fail"]);
    }
  });

  it("does not pass with a quote of before", async () => {
    const before = bound(machine.key);
    const quote = await quoteOf(machine.key, before);
    const now = { ...before, nonce: randomBytes(32) };
    expect(notPassed(checksOf({ quote, subject: now }))).toEqual(["tpm.quote.nonce fail", ...unproven]);
  });

  it("does not pass with a quote over another nonce, other HPKE keys or another identity key", async () => {
    const asked = bound(machine.key);
    for (const said of [
      { ...asked, nonce: randomBytes(32) },
      { ...asked, hpkePublicKeys: asked.hpkePublicKeys.toReversed() },
      { ...asked, identityKey: other.key.publicKey },
    ]) {
      const quote = await quoteOf(machine.key, said);
      expect(notPassed(checksOf({ quote, subject: asked }))).toEqual(["tpm.quote.nonce fail", ...unproven]);
    }
  });

  it("does not pass with an endorsement key that no known maker has certified", async () => {
    const subject = bound(other.key);
    const { evidence, key } = other;
    const activation = await activated(evidence, key);
    const quote = await quoteOf(key, subject);
    expect(notPassed(checksOf({ evidence, quote, subject, activation }))).toEqual(["tpm.ek.path fail"]);
    const { ekCertificates: _, ...rest } = evidence;
    const without = { ...rest, ekCertificates: [] };
    expect(notPassed(checksOf({ evidence: without, quote, subject, activation }))).toEqual([
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
    expect(notPassed(checksOf({ evidence: forged, quote, subject }))).toEqual(["tpm.ek.key fail"]);
  });
});
