import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changedJson } from "../../test/changed.ts";
import {
  challengeNonce,
  sampleAnswer,
  sampleBlob,
  sampleOffer,
  signedOffer,
  signer,
  startMs,
  timeAt,
} from "../../test/samples.ts";
import { toBase64, toHex } from "../bytes.ts";
import { CHALLENGE_EVERY_MS } from "../limits.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { nonceTree } from "./caller-nonces.ts";
import { type Attestation, attestationSchema, publishedEvidence, verifyPublished } from "./published.ts";
import { signBlob, signChallengeAnswer } from "./signing.ts";

const now = startMs + CHALLENGE_EVERY_MS;
const nonce = new Uint8Array(32).fill(9);
const PSEUDONYM = "PS-0123456789AB";
const { root, paths } = nonceTree(nodeCrypto, [new Uint8Array(32), nonce]);

async function published(serial = sampleBlob().serial): Promise<Attestation> {
  const said = { ...sampleBlob(), serial };
  const blob = await signBlob(signer, said);
  const answer = await signChallengeAnswer(signer, { ...sampleAnswer(blob.bytes), callers_root: root });
  const evidence = {
    blob: blob.bytes,
    blobSignature: blob.signature,
    ...(await signedOffer()),
    challenge: { nonce: challengeNonce, callersRoot: root, answer: answer.bytes, signature: answer.signature },
  };
  return attestationSchema.parse({
    provider_id: "prov_1",
    provider_serial: said.serial,
    se_public_key: said.identity_key,
    chip_name: said.chip_name,
    hardware_model: said.hardware_model,
    models: sampleOffer.models.map(({ build }) => build),
    trust_level: "self_signed",
    evidence_sha256: toHex(nodeCrypto.sha256(blob.bytes)),
    evidence: publishedEvidence(evidence, said.platform, paths[1]),
    verdict: { level: "self_signed", checks: [], at: timeAt(now), age_sec: 0 },
  });
}

const failedIn = async (attestation: Attestation, sent: Uint8Array | undefined = nonce): Promise<string[]> =>
  (await verifyPublished(nodeCrypto, attestation, sent ? { nonce: sent } : {}, now)).checks
    .filter(({ status }) => status === "fail")
    .map(({ id }) => id);

describe("published evidence", () => {
  /** Goal: what one publishes another verifies, as it came over the wire. Method: through JSON, with and without a nonce. */
  it("is verified as it was published", async () => {
    const attestation = attestationSchema.parse(JSON.parse(JSON.stringify(await published())));
    expect(await failedIn(attestation)).toEqual([]);
    const verdict = await verifyPublished(nodeCrypto, attestation, {}, now);
    expect(verdict.level).toBe("self_signed");
    expect(verdict.checks.map(({ id }) => id)).not.toContain("challenge.caller_nonce");
  });

  const lies: [what: string, check: string, lie: Partial<Attestation>][] = [
    ["another level", "published.level", { trust_level: "hardware" }],
    ["another build", "published.models", { models: ["tiny-q9"] }],
    ["a further build", "published.models", { models: ["tiny-q8", "tiny-q9"] }],
    ["no build", "published.models", { models: [] }],
    ["another digest", "published.digest", { evidence_sha256: "0".repeat(64) }],
    ["another serial", "published.machine", { provider_serial: "C02XK0AAJG5J" }],
    ["no serial, though the blob has one", "published.machine", { provider_serial: null }],
    ["another key", "published.machine", { se_public_key: toBase64(new Uint8Array(65)) }],
    ["another chip", "published.machine", { chip_name: "M9" }],
    ["another model", "published.machine", { hardware_model: "Mac99,1" }],
  ];
  /** Goal: nothing that a coordinator says beside the evidence is believed. Method: one lie in each row. */
  it.each(lies)("with %s fails %s", async (_what, check, lie) => {
    expect(await failedIn({ ...(await published()), ...lie })).toEqual([check]);
  });

  /** Goal: under a pseudonym that or nothing may be told beside the evidence, and no other. Method: a table. */
  it.each([
    [PSEUDONYM, []],
    [null, []],
    ["PS-0123456789AC", ["published.machine"]],
  ])("under a pseudonym, told as %s, fails %j", async (provider_serial, expected) => {
    const attestation = { ...(await published(PSEUDONYM)), provider_serial };
    expect(await failedIn(attestationSchema.parse(attestation))).toEqual(expected);
  });

  /**
   * Goal: whatever a coordinator publishes, it is judged and nothing throws, and a level is of nothing but what the
   * machine signed. Method: any value of a publication changed, and any JSON in its place; with the caller's nonce and without.
   */
  it("is worth no more where something was changed", async () => {
    const good = await published();
    const { blob, signature, challenge } = good.evidence;
    const signedParts = ({ evidence }: Attestation) => {
      const { nonce: asked, callers_root, answer, signature: by } = evidence.challenge ?? {};
      return [evidence.blob, evidence.signature, asked, callers_root, answer, by];
    };
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ arbitrary: changedJson(good), weight: 9 }, fc.jsonValue()),
        fc.boolean(),
        async (json, asked) => {
          const { data } = attestationSchema.safeParse(json);
          if (!data) return;
          const { level, checks } = await verifyPublished(nodeCrypto, data, asked ? { nonce } : {}, now);
          if (level === "none") return;
          expect(level).toBe("self_signed");
          expect(signedParts(data)).toEqual([
            blob,
            signature,
            challenge?.nonce,
            root,
            challenge?.answer,
            challenge?.signature,
          ]);
          const proof = checks.find(({ id }) => id === "challenge.caller_nonce")?.status;
          expect(proof).toBe(asked ? "pass" : undefined);
          if (asked) expect(data.evidence.challenge?.callers_path).toEqual(challenge?.callers_path);
        },
      ),
      { numRuns: 500 },
    );
  });

  /** Goal: a path for another nonce, or none, is seen. Method: a nonce that nobody has sent. */
  it("with another nonce fails", async () => {
    const attestation = await published();
    const other = nonce.with(0, 1);
    const { level } = await verifyPublished(nodeCrypto, attestation, { nonce: other }, now);
    expect(level).toBe("none");
    expect(await failedIn(attestation, other)).toEqual(["challenge.caller_nonce", "published.level"]);
  });
});
