import { makeTpmCredential } from "@darkbloom/coordinator/testing";
import { toHex } from "@darkbloom/protocol/bytes";
import {
  tpmChecks,
  tpmQuoteData,
  type Check,
  type TpmBound,
  type TpmEvidence,
  type TpmPolicy,
  type TpmQuote,
} from "@darkbloom/protocol/evidence";
import { readTpmPublic, replayEventLog, tpmNameOf } from "@darkbloom/protocol/tpm";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventLog, sampleEvents, startupLocality } from "../../protocol/test/event-log.ts";
import { pinnedByItself } from "../../protocol/test/keys.ts";
import { pointOf } from "../../protocol/test/tpm-vectors.ts";
import { hasSoftTpm, SoftTpm } from "../../../apps/provider/test/soft-tpm.ts";
import { startMachine } from "./record-tpm.ts";
import {
  activate,
  certify,
  extendPcr,
  makeAk,
  makeEk,
  makeKey,
  produceEvidence,
  produceQuote,
  type KeyKind,
} from "./tpm-evidence.ts";

interface Shown {
  readonly tpm: SoftTpm;
  readonly evidence: TpmEvidence;
  readonly quote: TpmQuote;
  readonly bound: TpmBound;
  readonly policy: TpmPolicy;
}

const subject = (keyPublic: Uint8Array) => ({
  identityKey: pointOf(keyPublic),
  hpkePublicKeys: [randomBytes(32)],
  nonce: randomBytes(32),
});

/** A machine that starts, makes its keys and answers a challenge. */
async function showing(tpm: SoftTpm, kind: KeyKind): Promise<Shown> {
  const log = await startMachine(tpm);
  const evidence = await produceEvidence(tpm, kind);
  const asked = subject(evidence.keyPublic);
  const quote = await produceQuote(tpm, tpmQuoteData(nodeCrypto, asked));
  const pcrs = { 7: [toHex(quote.pcrs[7]?.sha256 ?? new Uint8Array(0))] };
  return {
    tpm,
    evidence,
    quote: { ...quote, eventLog: log },
    bound: { ...asked, activation: "pass" },
    policy: { tpmRoots: [pinnedByItself(tpm.rootDer)], pcrs },
  };
}

const checksOf = ({ evidence, quote, bound, policy }: Omit<Shown, "tpm">): Promise<readonly Check[]> =>
  tpmChecks(nodeCrypto, evidence, quote, bound, policy, Date.now());
const failed = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === "fail").map(({ id }) => id);

const nameOf = (publicArea: Uint8Array): Uint8Array => {
  const read = readTpmPublic(publicArea);
  return (read && tpmNameOf(nodeCrypto, read)) ?? expect.unreachable();
};
const credentialFor = (ekPublic: Uint8Array, akName: Uint8Array, secret: Uint8Array) =>
  makeTpmCredential(ekPublic, akName, secret) ?? expect.unreachable();

/**
 * Goal: a machine's TPM is believed, and nobody who only borrows from one. Method: two software TPMs of two
 * makers, driven by tpm2-tools, which share no code with the verifier; each lie is told with real answers.
 */
describe.skipIf(!hasSoftTpm)("a TPM, for real (needs swtpm and tpm2-tools)", () => {
  let good: Shown, other: Shown;
  const tpms = new AsyncDisposableStack();
  beforeAll(async () => {
    const [one, two] = [tpms.use(await SoftTpm.start()), tpms.use(await SoftTpm.start())];
    [good, other] = await Promise.all([showing(one, "ecc"), showing(two, "rsa")]);
  });
  afterAll(async () => {
    await tpms.disposeAsync();
  });

  it("passes every check, whichever kind of attestation key it has", async () => {
    for (const shown of [good, other])
      expect((await checksOf(shown)).filter(({ status }) => status !== "pass")).toEqual([]);
  });

  it.each<readonly [lie: string, shown: () => Omit<Shown, "tpm">, expected: readonly string[]]>([
    ["another maker's root", () => ({ ...good, policy: other.policy }), ["tpm.ek.path"]],
    [
      "another machine's quote",
      () => ({ ...good, quote: other.quote }),
      ["tpm.quote.signature", "tpm.quote.nonce", "tpm.pcr_policy", "tpm.event_log"],
    ],
    [
      "another machine's attestation key",
      () => ({ ...good, evidence: { ...good.evidence, akPublic: other.evidence.akPublic } }),
      ["tpm.key.certified", "tpm.quote.signature", "tpm.pcr_policy", "tpm.event_log"],
    ],
    [
      "another machine's identity key",
      () => ({ ...good, evidence: { ...good.evidence, keyPublic: other.evidence.keyPublic } }),
      ["tpm.key.is_identity", "tpm.key.certified"],
    ],
    [
      "another machine's identity key, as one's own",
      () => ({
        ...good,
        evidence: { ...good.evidence, keyPublic: other.evidence.keyPublic, certify: other.evidence.certify },
        bound: { ...good.bound, identityKey: other.bound.identityKey },
      }),
      ["tpm.key.certified", "tpm.quote.nonce", "tpm.pcr_policy", "tpm.event_log"],
    ],
    [
      "another machine's endorsement key",
      () => ({ ...good, evidence: { ...good.evidence, ekPublic: other.evidence.ekPublic } }),
      ["tpm.ek.key"],
    ],
    [
      "another machine's certificates",
      () => ({
        ...good,
        evidence: { ...good.evidence, ekCertificates: other.evidence.ekCertificates ?? [] },
        policy: { ...good.policy, tpmRoots: other.policy.tpmRoots },
      }),
      ["tpm.ek.key"],
    ],
  ])("does not pass with %s", async (_, shown, expected) => expect(failed(await checksOf(shown()))).toEqual(expected));

  it("does not pass with yesterday's quote", async () => {
    const bound = { ...good.bound, nonce: randomBytes(32) };
    expect(failed(await checksOf({ ...good, bound }))).toEqual(["tpm.quote.nonce", "tpm.pcr_policy", "tpm.event_log"]);
  });

  it("does not pass with PCRs of before, once something else was started", async () => {
    await extendPcr(other.tpm, 4, randomBytes(32));
    const later = await produceQuote(other.tpm, tpmQuoteData(nodeCrypto, other.bound));
    const log = other.quote.eventLog ?? expect.unreachable();
    const told = { ...other.quote, attest: later.attest, signature: later.signature };
    expect(failed(await checksOf({ ...other, quote: told }))).toEqual([
      "tpm.quote.pcrs",
      "tpm.pcr_policy",
      "tpm.event_log",
    ]);
    expect(failed(await checksOf({ ...other, quote: { ...later, eventLog: log } }))).toEqual(["tpm.event_log"]);
  });

  it("does not pass with a key that may leave the TPM", async () => {
    await using tpm = await SoftTpm.start();
    const shown = await showing(tpm, "ecc");
    const keyPublic = await makeKey(tpm, "sensitivedataorigin|userwithauth|sign");
    const evidence = { ...shown.evidence, keyPublic, certify: await certify(tpm, "key.ctx", "ak.ctx") };
    const asked = { ...subject(keyPublic), activation: "pass" as const };
    const quote = { ...shown.quote, ...(await produceQuote(tpm, tpmQuoteData(nodeCrypto, asked))) };
    const checks = await checksOf({ ...shown, evidence, quote, bound: asked });
    expect(failed(checks)).toEqual(["tpm.key.attributes"]);
    expect(checks.find(({ id }) => id === "tpm.key.attributes")?.seen).toBe("lacks fixedTPM, fixedParent");
  });

  it("does not pass with an unrestricted key that attests", async () => {
    await using tpm = await SoftTpm.start();
    const shown = await showing(tpm, "ecc");
    const evidence = {
      ...shown.evidence,
      akPublic: shown.evidence.keyPublic,
      certify: await certify(tpm, "key.ctx", "key.ctx"),
    };
    const quote = { ...shown.quote, ...(await produceQuote(tpm, tpmQuoteData(nodeCrypto, shown.bound), "key.ctx")) };
    expect(failed(await checksOf({ ...shown, evidence, quote }))).toEqual(["tpm.ak.attributes"]);
  });

  /** Goal: a credential opens only where both keys are. Method: credentials of ours, opened by a TPM or refused by it. */
  describe.each(["rsa", "ecc"] as const)("opens a credential with its %s endorsement key", (ekKind) => {
    it.each(["rsa", "ecc"] as const)("for its %s attestation key, and for no other", async (akKind) => {
      await using tpm = await SoftTpm.start();
      const ekPublic = await makeEk(tpm, ekKind);
      const akName = nameOf(await makeAk(tpm, akKind));
      for (const secret of [randomBytes(32), randomBytes(16)])
        expect(toHex(await activate(tpm, credentialFor(ekPublic, akName, secret)))).toBe(toHex(secret));

      const secret = randomBytes(32);
      const foreign = credentialFor(ekPublic, nameOf(good.evidence.akPublic), secret);
      await expect(activate(tpm, foreign)).rejects.toThrow("integrity check failed");
      if (ekKind === "ecc") return;
      await expect(activate(tpm, credentialFor(good.evidence.ekPublic, akName, secret))).rejects.toThrow("tpm:");
    });
  });

  it("agrees with tpm2-tools on where a log leads", async () => {
    const events = sampleEvents.filter(({ type }) => type !== startupLocality(0).type);
    good.tpm.write("log", eventLog(events));
    const printed = await good.tpm.tool("tpm2_eventlog", "log");
    const theirs = [...printed.slice(printed.lastIndexOf("sha256:")).matchAll(/\d+ *: 0x([0-9a-f]{64})/g)];
    const ours = replayEventLog(nodeCrypto, eventLog(events)) ?? expect.unreachable();
    expect(theirs.map(([, value]) => value)).toEqual(ours.slice(0, 8).map(toHex));
  });
});
