import { createHash, createHmac } from "node:crypto";
import { expect, it } from "vitest";
import { secretNamed } from "../../test/keys.ts";
import { sampleReceipt } from "../../test/samples.ts";
import { canonicalJson } from "../canonical.ts";
import { nodeCrypto, nodeHpke } from "../node/index.ts";
import { commitmentsOf, type CommitmentKeys, type PrivateFields } from "./commitments.ts";

const keys: CommitmentKeys = {
  request: secretNamed("request key"),
  response: secretNamed("response key"),
  private: secretNamed("private key"),
};
const requestSha256 = secretNamed("request");
const responseSha256 = secretNamed("response");
const { sampling } = sampleReceipt();
const mac = (key: Uint8Array, hash: Uint8Array): string => createHmac("sha256", key).update(hash).digest("hex");

/** Goal: each thing is committed to under its own key, and what is absent is not there. Method: the same with `node:crypto`, over JSON that is written out. */
it.each<[what: string, told: PrivateFields, json: string]>([
  [
    "both",
    { ...(sampling && { sampling }), finish_reason: "stop" },
    `{"finish_reason":"stop","sampling":${canonicalJson(sampling)}}`,
  ],
  ["what was drawn by", { ...(sampling && { sampling }) }, `{"sampling":${canonicalJson(sampling)}}`],
  ["why it ended", { finish_reason: "length" }, '{"finish_reason":"length"}'],
  ["neither", {}, "{}"],
])("commits to %s", (_, told, json) => {
  const privateSha256 = createHash("sha256").update(json).digest();
  expect(
    commitmentsOf({ hpke: nodeHpke, crypto: nodeCrypto }, keys, { requestSha256, responseSha256, ...told }),
  ).toEqual({
    request_commitment: mac(keys.request, requestSha256),
    response_commitment: mac(keys.response, responseSha256),
    private_commitment: mac(keys.private, privateSha256),
  });
});
