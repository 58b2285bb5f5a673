import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changedBytes, changedJson } from "../../test/changed.ts";
import { testCountersigner, testSigner } from "../../test/keys.ts";
import { sampleReceipt, signer, startMs, timeAt } from "../../test/samples.ts";
import { fromBase64, fromHex, toBase64, utf8 } from "../bytes.ts";
import { signedCheckpoint } from "../log/checkpoint.ts";
import { leafOf, receiptDigest, receiptEntry } from "../log/entries.ts";
import { signatureTypes, type NoteKey } from "../log/note.ts";
import { proofFile } from "../log/proof-file.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { receiptDocument, type Receipt, type ReceiptDocument } from "./receipt.ts";
import { countersignatureMessage, signReceipt } from "./signing.ts";
import { verifyReceipt, type KnownOfAnswer } from "./verify-receipt.ts";

const coordinator = testCountersigner("coordinator key");

async function documentOf(receipt: Receipt, by = signer): Promise<ReceiptDocument> {
  const { jcs, signature } = await signReceipt(by, receipt);
  const time = timeAt(startMs + 2000);
  const message = countersignatureMessage(jcs, fromBase64(signature), "key-1", time);
  return {
    receipt,
    provider_signature: signature,
    coordinator_signature: toBase64(coordinator.sign(message)),
    coordinator_key_id: "key-1",
    countersigned_at: time,
  };
}

const receipt = sampleReceipt();
const document = await documentOf(receipt);
const stranger = testSigner("stranger");
const strangers = await documentOf(receipt, stranger);
const known: KnownOfAnswer = {
  coordinatorKeys: new Map([["key-1", coordinator.publicKey]]),
  requestSha256: receipt.request_sha256,
  responseSha256: receipt.response_sha256,
  nonce: receipt.nonce ?? expect.fail("the sample has a nonce"),
  responseSignature: toBase64(signer.sign(utf8(receipt.response_sha256))),
  identityKey: receipt.identity_key,
};
const not = async (status: "pass" | "fail" | "unknown", shown: ReceiptDocument, by: KnownOfAnswer): Promise<string[]> =>
  (await verifyReceipt(nodeCrypto, shown, by))
    .filter((check) => check.status !== status)
    .map(({ id, status: other }) => `${id} ${other}`);

describe("a receipt", () => {
  /** Goal: a good one passes every check. Method: everything known. */
  it("passes", async () => expect(await not("pass", document, known)).toEqual([]));

  /** Goal: what the caller does not know is said to be unknown, never good. Method: nothing known but the receipt itself. */
  it("reads unknown where nothing is known", async () => {
    expect(await not("unknown", document, { coordinatorKeys: new Map() })).toEqual(["receipt.signature pass"]);
  });

  const other = "0".repeat(64);
  const breakages: [what: string, shown: ReceiptDocument, by: KnownOfAnswer, failed: string[]][] = [
    ["another request", document, { ...known, requestSha256: other }, ["receipt.request"]],
    ["another response", document, { ...known, responseSha256: other }, ["receipt.response"]],
    ["another nonce", document, { ...known, nonce: "mine" }, ["receipt.nonce"]],
    ["another machine", document, { ...known, identityKey: toBase64(stranger.publicKey) }, ["receipt.identity"]],
    [
      "another x-se-signature",
      document,
      { ...known, responseSignature: toBase64(stranger.sign(utf8(receipt.response_sha256))) },
      ["response.signature"],
    ],
    ["a malformed x-se-signature", document, { ...known, responseSignature: "?" }, ["response.signature"]],
    [
      "another coordinator",
      document,
      { ...known, coordinatorKeys: new Map([["key-1", testCountersigner("other").publicKey]]) },
      ["receipt.countersignature"],
    ],
    ["another time", { ...document, countersigned_at: timeAt(startMs) }, known, ["receipt.countersignature"]],
    [
      "a changed field",
      { ...document, receipt: { ...receipt, usage: { ...receipt.usage, completion_tokens: 1 } } },
      known,
      ["receipt.signature", "receipt.countersignature"],
    ],
    [
      "another provider's signature",
      { ...document, provider_signature: toBase64(stranger.sign(utf8("x"))) },
      known,
      ["receipt.signature", "receipt.countersignature"],
    ],
    [
      "base64 of another spelling",
      { ...document, provider_signature: "QR==" },
      known,
      ["receipt.signature", "receipt.countersignature"],
    ],
    [
      "half a character",
      { ...document, receipt: { ...receipt, model: "\ud800" } },
      known,
      ["receipt.signature", "receipt.countersignature"],
    ],
    ["a stranger's receipt", strangers, known, ["receipt.signature"]],
  ];
  /** Goal: each check fails for its own reason and no other. Method: one row per breakage. */
  it.each(breakages)("with %s fails there", async (_what, shown, by, failed) => {
    expect(await not("pass", shown, by)).toEqual(failed.map((id) => `${id} fail`));
  });

  /**
   * Goal: no change of a document passes, and none throws. Method: one value of it changed in any way that is still a
   * document; and the two signatures, byte by byte.
   */
  it("does not pass where anything was changed", async () => {
    const bytesOf = (signature: string) => changedBytes(fromBase64(signature)).map(toBase64);
    const changed = fc.oneof(
      { arbitrary: changedJson(document), weight: 4 },
      bytesOf(document.provider_signature).map((bytes) => ({ ...document, provider_signature: bytes })),
      bytesOf(document.coordinator_signature).map((bytes) => ({ ...document, coordinator_signature: bytes })),
    );
    await fc.assert(
      fc.asyncProperty(changed, async (json) => {
        const { data } = receiptDocument.safeParse(json);
        // A field that no document has is not part of it.
        if (!data || JSON.stringify(data) === JSON.stringify(document)) return;
        expect(await not("pass", data, known)).not.toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  /** Goal: a sealed receipt is held against what its caller alone knows. Method: one that fits, and one breakage a row. */
  describe("of a sealed answer", async () => {
    const plaintextSha256 = "1".repeat(64);
    const commitments = {
      request_commitment: "2".repeat(64),
      response_commitment: "3".repeat(64),
      private_commitment: "4".repeat(64),
    };
    const { sampling: _, finish_reason: __, ...clear } = receipt;
    const sealedReceipt: Receipt = { ...clear, privacy: "sealed", ...commitments, hpke_key_id: "5".repeat(64) };
    const shown = await documentOf(sealedReceipt);
    const own: NonNullable<KnownOfAnswer["sealed"]> = {
      responseSha256: plaintextSha256,
      commitments,
      hpkeKeyId: "5".repeat(64),
    };
    const knownSealed: KnownOfAnswer = {
      ...known,
      responseSignature: toBase64(signer.sign(utf8(plaintextSha256))),
      sealed: own,
    };
    it("passes", async () => expect(await not("pass", shown, knownSealed)).toEqual([]));

    it("reads unknown where its caller tells nothing", async () => {
      const { sealed: _sealed, ...others } = knownSealed;
      expect(await not("pass", shown, others)).toEqual([
        "receipt.privacy unknown",
        "receipt.hpke_key unknown",
        "receipt.request_commitment unknown",
        "receipt.response_commitment unknown",
        "receipt.private_commitment unknown",
        "response.signature unknown",
      ]);
    });

    it.each<[what: string, sealed: Partial<typeof own>, failed: string[]]>([
      ["another answer", { responseSha256: other }, ["response.signature"]],
      ["another key", { hpkeKeyId: other }, ["receipt.hpke_key"]],
      [
        "another request",
        { commitments: { ...commitments, request_commitment: other } },
        ["receipt.request_commitment"],
      ],
      [
        "another plaintext",
        { commitments: { ...commitments, response_commitment: other } },
        ["receipt.response_commitment"],
      ],
      [
        "another sampling",
        { commitments: { ...commitments, private_commitment: other } },
        ["receipt.private_commitment"],
      ],
    ])("with %s fails there", async (_what, change, failed) => {
      expect(await not("pass", shown, { ...knownSealed, sealed: { ...own, ...change } })).toEqual(
        failed.map((id) => `${id} fail`),
      );
    });

    it("fails where it is a receipt of an answer that was not sealed", async () => {
      expect(await not("pass", document, knownSealed)).toEqual([
        "receipt.privacy fail",
        "receipt.hpke_key fail",
        "receipt.request_commitment fail",
        "receipt.response_commitment fail",
        "receipt.private_commitment fail",
      ]);
    });
  });

  /** Goal: no two countersigned sets are the same bytes. Method: move a character from one field to the next. */
  it("is countersigned field by field", () => {
    const message = (jcs: string, key: string, time: string) =>
      toBase64(countersignatureMessage(jcs, utf8("signature"), key, time));
    expect(message("{}a", "b", "c")).not.toBe(message("{}", "ab", "c"));
    expect(message("{}", "ab", "c")).not.toBe(message("{}", "a", "bc"));
  });
});

/** Goal: a receipt's place in the log is believed by the log's key alone, and of this receipt. Method: a log of one entry; another key, another receipt, another blind, no key, and a receipt that nobody can have signed. */
describe("a receipt's place in the log", () => {
  const operator = testCountersigner("log key");
  const logKey: NoteKey = { name: "log.example", type: signatureTypes.ed25519, publicKey: operator.publicKey };
  const blind = "b".repeat(64);
  const leaf = leafOf(nodeCrypto, receiptEntry(nodeCrypto, receiptDigest(nodeCrypto, document), fromHex(blind)));
  const checkpoint = { origin: logKey.name, size: 1, root: leaf };
  const log = { blind, proof: proofFile(0, [], signedCheckpoint(nodeCrypto, checkpoint, logKey, operator.sign)) };
  const logged = async (shown: ReceiptDocument, key?: NoteKey) => {
    const found = await verifyReceipt(nodeCrypto, shown, { ...known, ...(key && { logKey: key }) });
    return found.filter(({ id }) => id === "receipt.logged").map(({ status, seen }) => [status, seen]);
  };

  it("is shown by its proof", async () => {
    expect(await logged({ ...document, log }, logKey)).toEqual([
      ["pass", "at index 0 of the 1 entries that the log's checkpoint counts"],
    ]);
  });

  it("is not asked for where the receipt names none", async () => {
    expect(await logged(document, logKey)).toEqual([]);
  });

  it("is unknown without the log's key", async () => {
    expect(await logged({ ...document, log })).toEqual([["unknown", "not given"]]);
  });

  it.each<[what: string, shown: ReceiptDocument, key: NoteKey]>([
    ["under another key", { ...document, log }, { ...logKey, publicKey: coordinator.publicKey }],
    ["of another receipt", { ...strangers, log }, logKey],
    ["with another blind", { ...document, log: { ...log, blind: "a".repeat(64) } }, logKey],
    ["of what has no canonical form", { ...document, receipt: { ...receipt, nonce: "\ud800" }, log }, logKey],
  ])("is not shown %s", async (_, shown, key) => {
    expect(await logged(shown, key)).toEqual([["fail", "the log's key signed no tree that holds this receipt"]]);
  });
});
