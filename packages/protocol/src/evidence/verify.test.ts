import { describe, expect, it } from "vitest";
import { testSigner } from "../../test/keys.ts";
import {
  challengeNonce,
  hpkeKey,
  sampleAnswer,
  sampleBlob,
  sampleOffer,
  signedOffer,
  signer,
  startMs,
  timeAt,
} from "../../test/samples.ts";
import { concatBytes, toBase64, toHex, utf8 } from "../bytes.ts";
import {
  CHALLENGE_AGE_MAX_MS,
  CHALLENGE_EVERY_MS,
  CLOCK_SKEW_MS,
  HPKE_KEY_LIFE_MS,
  SIGNED_BYTES_MAX,
} from "../limits.ts";
import { nodeCrypto } from "../node/crypto.ts";
import type { ChallengeAnswer, RegistrationBlob } from "../wire/registration.ts";
import { nonceTree } from "./caller-nonces.ts";
import { failuresOf, levelOf } from "./levels.ts";
import { signBlob, signChallengeAnswer, signOffer, type Signed } from "./signing.ts";
import { softwareSerial } from "./serials.ts";
import type { Evidence, Policy, Verdict } from "./verdict.ts";
import { readBlob, verify } from "./verify.ts";

const later: Policy = { moment: "later" };
const registration: Policy = { moment: "registration" };
const afterChallenge = startMs + CHALLENGE_EVERY_MS;

interface Change {
  readonly blob?: Partial<RegistrationBlob>;
  readonly answer?: Partial<ChallengeAnswer>;
  readonly evidence?: (evidence: Evidence) => Evidence;
  readonly policy?: Partial<Policy>;
  readonly now?: number;
}

const good = await signedOffer();
const evidenceOf = (blob: Signed): Evidence => ({ blob: blob.bytes, blobSignature: blob.signature, ...good });

async function challenged(change: Change = {}): Promise<Evidence> {
  const blob = await signBlob(signer, { ...sampleBlob(), ...change.blob });
  const keyIds = (change.blob?.hpke_keys ?? sampleBlob().hpke_keys).map(({ id }) => id);
  const answer = await signChallengeAnswer(signer, { ...sampleAnswer(blob.bytes, keyIds), ...change.answer });
  const evidence: Evidence = {
    ...evidenceOf(blob),
    challenge: { nonce: challengeNonce, callersRoot: null, answer: answer.bytes, signature: answer.signature },
  };
  return change.evidence?.(evidence) ?? evidence;
}
const verdictOf = async (change: Change = {}): Promise<Verdict> =>
  verify(nodeCrypto, await challenged(change), { ...later, ...change.policy }, change.now ?? afterChallenge);
const failed = ({ checks }: Verdict): string[] => checks.filter(({ status }) => status === "fail").map(({ id }) => id);

const withChallenge =
  (change: Partial<NonNullable<Evidence["challenge"]>>) =>
  (evidence: Evidence): Evidence =>
    evidence.challenge ? { ...evidence, challenge: { ...evidence.challenge, ...change } } : evidence;

const [keyEntry] = sampleBlob().hpke_keys;
if (!keyEntry) throw new Error("the sample blob has a key");
const otherKey = hpkeKey("another hpke key");
const otherEntry = { ...keyEntry, id: otherKey.id, public_key: toBase64(otherKey.publicKey) };
const smallOrder = new Uint8Array(32).with(31, 0x80);
/** Signed by this machine, and named by its answer where `isNamed`. */
const withOffer =
  ({ bytes, signature }: Signed) =>
  (evidence: Evidence): Evidence => ({ ...evidence, offer: bytes, offerSignature: signature });
const named = (offer: Signed): Change => ({
  answer: { offer_sha256: toHex(nodeCrypto.sha256(offer.bytes)) },
  evidence: withOffer(offer),
});
const older = await signOffer(signer, { ...sampleOffer, slots: 3 });
const ofAnother = await signOffer(signer, {
  ...sampleOffer,
  identity_key: toBase64(testSigner("stranger").publicKey),
});
const ofVersion2 = await signOffer(signer, { ...sampleOffer, v: 2 as 1 });
const callerNonce = new Uint8Array(32).fill(7);
const tree = nonceTree(nodeCrypto, [new Uint8Array(32).fill(6), callerNonce]);
const shortNonce = callerNonce.subarray(1);
const shortTree = nonceTree(nodeCrypto, [shortNonce]);
const withCallers = withChallenge({ callersRoot: tree.root });
const [otherPath = [], callerPath = []] = tree.paths;
const listOf = (...keys: Uint8Array[]): Policy["revocations"] & object => ({
  at: startMs,
  identityKeySha256: new Set(keys.map((key) => toHex(nodeCrypto.sha256(key)))),
});
const [given, other] = ["PS-0123456789AB", "PS-0123456789AC"] as const;
const endOfKey = startMs + HPKE_KEY_LIFE_MS;

describe("evidence", () => {
  /** Goal: good evidence earns its level and no more, and what is not shown reads unknown. Method: the whole list of checks. */
  it("of an honest machine is self_signed", async () => {
    const { level, checks, at } = await verdictOf();
    expect({ level, at }).toEqual({ level: "self_signed", at: timeAt(afterChallenge) });
    expect(Object.fromEntries(checks.map(({ id, status }) => [id, status]))).toEqual({
      "blob.shape": "pass",
      "blob.signature": "pass",
      "hpke.keys": "pass",
      "offer.signature": "pass",
      "challenge.answered": "pass",
      "challenge.signature": "pass",
      "challenge.nonce": "pass",
      "challenge.blob": "pass",
      "challenge.offer": "pass",
      "challenge.keys": "pass",
      "challenge.fresh": "pass",
      "posture.now.core_dumps_off": "pass",
      "posture.core_dumps_off": "pass",
      "posture.secure_boot": "unknown",
      "machine.serial": "pass",
      "identity.revoked": "unknown",
      "key.residency": "unknown",
      "software.identity": "unknown",
    });
  });

  const stranger = testSigner("stranger");
  const breakages: [what: string, check: string, change: Change][] = [
    [
      "a signature of another key",
      "blob.signature",
      { evidence: (e) => ({ ...e, blobSignature: stranger.sign(e.blob) }) },
    ],
    [
      "a signature without the domain tag",
      "blob.signature",
      { evidence: (e) => ({ ...e, blobSignature: signer.sign(e.blob) }) },
    ],
    [
      "an offer that another key has signed",
      "offer.signature",
      {
        evidence: (e) => ({ ...e, offerSignature: stranger.sign(concatBytes(utf8("darkbloom:offer:v1\0"), e.offer)) }),
      },
    ],
    [
      "an offer that is signed without the domain tag",
      "offer.signature",
      { evidence: (e) => ({ ...e, offerSignature: signer.sign(e.offer) }) },
    ],
    ["another machine's offer, by a signature that fits", "offer.signature", named(ofAnother)],
    ["an offer that is none", "offer.signature", named(ofVersion2)],
    ["an offer of before", "challenge.offer", { evidence: withOffer(older) }],
    ["an answer that names no offer of this machine", "challenge.offer", { answer: { offer_sha256: "0".repeat(64) } }],
    [
      "a key that its id does not name",
      "hpke.keys",
      { blob: { hpke_keys: [{ ...keyEntry, public_key: otherEntry.public_key }] } },
    ],
    [
      "a key of a wrong length, by its id",
      "hpke.keys",
      {
        blob: {
          hpke_keys: [{ ...keyEntry, id: toHex(nodeCrypto.sha256(utf8("ABC"))), public_key: toBase64(utf8("ABC")) }],
        },
      },
    ],
    [
      "a key to which nothing can be sealed",
      "hpke.keys",
      {
        blob: {
          hpke_keys: [{ ...keyEntry, id: toHex(nodeCrypto.sha256(smallOrder)), public_key: toBase64(smallOrder) }],
        },
      },
    ],
    [
      "an expired key",
      "hpke.keys",
      { blob: { hpke_keys: [keyEntry, { ...otherEntry, expires_at: timeAt(afterChallenge) }] } },
    ],
    [
      "a key for more than a day",
      "hpke.keys",
      {
        blob: {
          hpke_keys: [{ ...keyEntry, expires_at: timeAt(afterChallenge + HPKE_KEY_LIFE_MS + CLOCK_SKEW_MS + 1) }],
        },
      },
    ],
    ["bytes that are no answer", "challenge.answered", { evidence: withChallenge({ answer: utf8("{}") }) }],
    [
      "an answer signed by another key",
      "challenge.signature",
      { evidence: withChallenge({ signature: stranger.sign(utf8("x")) }) },
    ],
    ["an answer to another nonce", "challenge.nonce", { answer: { nonce: toBase64(new Uint8Array(32)) } }],
    [
      "a nonce of no length",
      "challenge.nonce",
      { answer: { nonce: "" }, evidence: withChallenge({ nonce: new Uint8Array(0) }) },
    ],
    ["another root of callers' nonces", "challenge.nonce", { answer: { callers_root: "0".repeat(64) } }],
    ["an answer about another blob", "challenge.blob", { answer: { blob_sha256: "0".repeat(64) } }],
    ["an answer with another key", "challenge.keys", { answer: { hpke_key_ids: [otherKey.id] } }],
    [
      "an answer with one key for two",
      "challenge.keys",
      { blob: { hpke_keys: [keyEntry, otherEntry] }, answer: { hpke_key_ids: [keyEntry.id, keyEntry.id] } },
    ],
    ["an answer without keys", "challenge.keys", { answer: { hpke_key_ids: [] } }],
    ["an old answer", "challenge.fresh", { now: afterChallenge + CHALLENGE_AGE_MAX_MS + CLOCK_SKEW_MS + 1 }],
    ["an answer from the future", "challenge.fresh", { answer: { at: timeAt(afterChallenge + CLOCK_SKEW_MS + 1) } }],
    ["a bad posture in the blob", "posture.sip", { blob: { posture: { sip: "fail" } } }],
    ["a bad posture since", "posture.now.core_dumps_off", { answer: { posture: { core_dumps_off: "fail" } } }],
    [
      "the serial of another software key",
      "machine.serial",
      { blob: { serial: softwareSerial(nodeCrypto, stranger.publicKey) } },
    ],
    ["another pseudonym than was given", "machine.serial", { blob: { serial: other }, policy: { serialAlias: given } }],
    ["its own serial where a pseudonym was given", "machine.serial", { policy: { serialAlias: given } }],
    ["a withdrawn identity", "identity.revoked", { policy: { revocations: listOf(signer.publicKey) } }],
    ...[
      { nonce: callerNonce, path: otherPath },
      { nonce: callerNonce.with(0, 8), path: callerPath },
      { nonce: callerNonce.subarray(1), path: callerPath },
      { nonce: callerNonce, path: [] },
    ].map((proof): [string, string, Change] => [
      "a caller's nonce that is not under the root",
      "challenge.caller_nonce",
      { answer: { callers_root: tree.root }, evidence: withCallers, policy: { callerNonce: proof } },
    ]),
    [
      "a caller's nonce that is too short to be one",
      "challenge.caller_nonce",
      {
        answer: { callers_root: shortTree.root },
        evidence: withChallenge({ callersRoot: shortTree.root }),
        policy: { callerNonce: { nonce: shortNonce, path: shortTree.paths[0] ?? [] } },
      },
    ],
    [
      "a path that is none, and no challenge",
      "challenge.caller_nonce",
      {
        evidence: ({ challenge: _challenge, ...rest }) => rest,
        policy: { callerNonce: { nonce: callerNonce, path: [{ side: "left", sha256: "x" }] } },
      },
    ],
    [
      "no callers' nonces where one was sent",
      "challenge.caller_nonce",
      { policy: { callerNonce: { nonce: callerNonce, path: callerPath } } },
    ],
  ];
  /** Goal: every check that the level needs takes it away, alone and by its own name. Method: one row per breakage, good in all else. */
  it.each(breakages)("with %s fails %s alone", async (_what, check, change) => {
    const verdict = await verdictOf(change);
    expect(failed(verdict)).toEqual([check]);
    expect(verdict.level).toBe("none");
    expect(verdict.checks.find(({ id }) => id === check)?.remedy).not.toBe("");
  });

  /** Goal: an honest machine keeps its level up to the last moment. Method: the good side of each limit, and a serial of the machine's maker. */
  it.each<[string, Change]>([
    ["its oldest answer, by a clock that is ahead", { now: afterChallenge + CHALLENGE_AGE_MAX_MS + CLOCK_SKEW_MS }],
    [
      "a key for a day, by a clock that is behind",
      {
        blob: {
          hpke_keys: [{ ...keyEntry, expires_at: timeAt(afterChallenge + HPKE_KEY_LIFE_MS + CLOCK_SKEW_MS) }],
        },
      },
    ],
    ["a clock that is ahead", { answer: { at: timeAt(afterChallenge + CLOCK_SKEW_MS) } }],
    ["a key's last moment", { now: endOfKey - 1, answer: { at: timeAt(endOfKey - 1) } }],
    ["a maker's serial", { blob: { serial: "C02XK0AAJG5J" } }],
    ["the pseudonym that was given", { blob: { serial: given }, policy: { serialAlias: given } }],
    [
      "a caller's nonce",
      {
        answer: { callers_root: tree.root },
        evidence: withCallers,
        policy: { callerNonce: { nonce: callerNonce, path: callerPath } },
      },
    ],
    ["another's withdrawal", { policy: { revocations: listOf(stranger.publicKey) } }],
    ["another offer that its answer names", named(older)],
    ["no posture at all", { blob: { posture: {} }, answer: { posture: {} } }],
  ])("with %s is self_signed", async (_what, change) => {
    const verdict = await verdictOf(change);
    expect(failed(verdict)).toEqual([]);
    expect(verdict.level).toBe("self_signed");
  });

  /**
   * Goal: a protection that is off is called so, and takes away only a level that needs it. Method: one by one, at
   * registration and now; on a Mac, where Secure Boot is needed, and elsewhere, where it is not.
   */
  it.each<[platform: RegistrationBlob["platform"], name: string, isNeeded: boolean]>([
    ["linux", "core_dumps_off", true],
    ["linux", "inspector_closed", true],
    ["linux", "sip", true],
    ["linux", "secure_boot", false],
    ["linux", "not_dumpable", false],
    ["linux", "kernel_lockdown", false],
    ["linux", "a_name_of_tomorrow", false],
    ["macos", "core_dumps_off", true],
    ["macos", "inspector_closed", true],
    ["macos", "sip", true],
    ["macos", "secure_boot", true],
    ["macos", "authenticated_root", false],
    ["macos", "filevault", false],
    ["other", "secure_boot", false],
  ])("of %s with %s off fails, and that is needed: %s", async (platform, name, isNeeded) => {
    const level = isNeeded ? "none" : "self_signed";
    const off = { [name]: "fail" as const };
    for (const [id, change] of [
      [`posture.${name}`, { blob: { platform, posture: off } }],
      [`posture.now.${name}`, { blob: { platform }, answer: { posture: off } }],
    ] as const) {
      const verdict = await verdictOf(change);
      expect({ level: verdict.level, failed: failed(verdict) }).toEqual({ level, failed: [id] });
      expect(failuresOf(verdict.checks, platform).map((check) => check.id)).toEqual(isNeeded ? [id] : []);
      const seen = isNeeded ? "the machine says fail" : "the machine says fail; no level asks for it";
      expect(verdict.checks.find((check) => check.id === id)?.seen).toBe(seen);
    }
  });

  /** Goal: a level rests on checks that were made. Method: leave each out of a good list; what nobody needs may be missing. */
  it("is no level without a check that the level needs", async () => {
    const { checks } = await verdictOf();
    const needed = checks.filter(
      ({ id }) =>
        levelOf(
          checks.filter((check) => check.id !== id),
          "linux",
        ) === "none",
    );
    expect(needed.map(({ id }) => id)).toEqual([
      "blob.shape",
      "blob.signature",
      "hpke.keys",
      "offer.signature",
      "challenge.answered",
      "challenge.signature",
      "challenge.nonce",
      "challenge.blob",
      "challenge.offer",
      "challenge.keys",
      "challenge.fresh",
    ]);
  });

  /** Goal: what cannot be read earns nothing and breaks nothing. Method: junk, another version, bytes without end. */
  it.each<[string, Uint8Array<ArrayBuffer>]>([
    ["nothing", new Uint8Array(0)],
    ["no JSON", utf8("{")],
    ["no text", Uint8Array.of(0xff)],
    ["another version", utf8(JSON.stringify({ ...sampleBlob(), v: 2 }))],
    ["half a character", utf8(JSON.stringify({ ...sampleBlob(), chip_name: "\ud800" }))],
    ["more than is read", utf8(JSON.stringify(sampleBlob()).padEnd(64 * 1024 + 1))],
  ])("of %s is none", async (_what, blob) => {
    const verdict = await verify(
      nodeCrypto,
      { blob, blobSignature: signer.sign(blob), ...good },
      registration,
      startMs,
    );
    expect(verdict.level).toBe("none");
    expect(failed(verdict)).toEqual(["blob.shape"]);
    expect(readBlob(blob)).toBeUndefined();
  });

  it("of the longest blob that is read is judged", () => {
    const bytes = utf8(JSON.stringify(sampleBlob()));
    const longest = concatBytes(bytes, new Uint8Array(SIGNED_BYTES_MAX - bytes.length).fill(0x20));
    expect(readBlob(longest)).toEqual(sampleBlob());
    expect(readBlob(concatBytes(longest, utf8(" ")))).toBeUndefined();
  });

  /** Goal: registering alone earns nothing yet, and a replayed blob is seen. Method: no challenge; ages around the limit, both ways. */
  it.each([
    [0, true],
    [CLOCK_SKEW_MS, true],
    [CLOCK_SKEW_MS + 1, false],
    [-CLOCK_SKEW_MS, true],
    [-CLOCK_SKEW_MS - 1, false],
  ])("at registration, %i ms old, is fresh: %s", async (ageMs, fresh) => {
    const blob = sampleBlob(hpkeKey("hpke key", startMs + 60 * 60_000));
    const signed = await signBlob(signer, blob);
    const verdict = await verify(nodeCrypto, evidenceOf(signed), registration, startMs + ageMs);
    expect(verdict.level).toBe("none");
    expect(failed(verdict)).toEqual(fresh ? [] : ["blob.fresh"]);
    expect(verdict.checks.find(({ id }) => id === "challenge.answered")?.status).toBe("unknown");
    expect(readBlob(signed.bytes)).toEqual(blob);
  });

  /** Goal: outsiders are told that a serial is a pseudonym, and the level stays. Method: one that nobody here has given. */
  it("under a pseudonym says that the serial is not shown", async () => {
    const verdict = await verdictOf({ blob: { serial: given } });
    expect(verdict.level).toBe("self_signed");
    expect(verdict.checks.filter(({ id }) => id === "machine.serial")).toEqual([
      { id: "machine.serial", status: "unknown", seen: "a pseudonym, given by the coordinator", remedy: "" },
    ]);
  });
});
