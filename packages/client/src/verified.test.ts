import { checks } from "@darkbloom/protocol/evidence";
import { webCrypto } from "@darkbloom/protocol/web";
import { expect, it } from "vitest";
import { sampleOffer, sampleReceipt } from "../../protocol/test/samples.ts";
import { answeredMs, publishedMachine } from "../test/samples.ts";
import { judge } from "./machine.ts";
import { rulesOf } from "./policy.ts";
import { stepOf } from "./steps.ts";
import { factsOf, faultIn } from "./verified.ts";

const rules = rulesOf(webCrypto, { minTrust: "self_signed" });
const machine = await judge(webCrypto, await publishedMachine(), rules, answeredMs);
const failing = (ids: readonly string[]) => ids.map((id) => stepOf(checks.fail(id, "no", "")));

/** Goal: what fails is told by what it means to the program. Method: steps that fail, alone and together. */
it.each<[own: string[], receipts: string[], code: string | undefined]>([
  [[], [], undefined],
  [["receipt.present"], [], "receipt_missing"],
  [["response.hash"], [], "answer_false"],
  [[], ["response.signature"], "answer_false"],
  [[], ["receipt.request"], "answer_false"],
  [[], ["receipt.response"], "answer_false"],
  [[], ["receipt.private_commitment"], "answer_false"],
  [[], ["machine.accepted", "receipt.request"], "answer_false"],
  [[], ["machine.accepted"], "machine_unverified"],
  [[], ["receipt.nonce", "machine.accepted"], "machine_unverified"],
  [[], ["receipt.nonce"], "receipt_false"],
  [[], ["receipt.request_id"], "receipt_false"],
  // Of the machine's own evidence: whether it is accepted has a step of its own.
  [[], ["challenge.fresh"], undefined],
  [[], ["challenge.fresh", "receipt.signature"], "receipt_false"],
])("says of %j and %j that it is %s", (own, receipts, code) => {
  const fault = faultIn(failing(own), { steps: failing(receipts), machine });
  expect(fault?.code).toBe(code);
  for (const id of [...own, ...receipts]) if (fault && id !== "challenge.fresh") expect(fault.message).toContain(id);
});

it("takes evidence for none of its own where there is no machine", () => {
  const steps = failing(["challenge.fresh"]);
  expect(faultIn([], { steps, machine: undefined })?.code).toBe("receipt_false");
  expect(faultIn([stepOf(checks.pass("answer.whole", "it did"))], { steps: [], machine: undefined })).toBeUndefined();
});

it("tells what is known of an answer, and nothing of what is not", () => {
  expect(factsOf({ outcome: "left", steps: [] })).toEqual({ outcome: "left", steps: [] });
  expect(Object.keys(factsOf({ outcome: "left", steps: [] }))).toEqual(["outcome", "steps"]);
  const document = {
    receipt: sampleReceipt(),
    provider_signature: "QUJD",
    coordinator_signature: "REVG",
    coordinator_key_id: "key-1",
    countersigned_at: "2026-01-02T03:04:05.000Z",
  };
  const error = faultIn(failing(["receipt.present"]), { steps: [], machine });
  expect(factsOf({ outcome: "refused", steps: [], document, machine, ...(error && { error }) })).toMatchObject({
    receipt: document,
    error: { code: "receipt_missing", action: "stop" },
    machine: { providerId: "prov_0", level: "self_signed", evidenceSha256: machine.attestation.evidence_sha256 },
  });
  expect(machine.models).toEqual(sampleOffer.models);
});
