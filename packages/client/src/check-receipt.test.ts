import { fromBase64, fromHex, toBase64, utf8 } from "@darkbloom/protocol/bytes";
import { checks, coordinatorKeyId } from "@darkbloom/protocol/evidence";
import { leafOf, proofFile, receiptDigest, receiptEntry } from "@darkbloom/protocol/log";
import { countersignatureMessage, signReceipt, type Receipt, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import { webCrypto, webHpke } from "@darkbloom/protocol/web";
import { expect, it } from "vitest";
import { checkpointOf, signerNamed } from "../../../apps/cli/test/hostile-log.ts";
import { testCountersigner } from "../../protocol/test/keys.ts";
import { sampleBlob, sampleOffer, sampleReceipt, signer, startMs, timeAt } from "../../protocol/test/samples.ts";
import { answeredMs, publishedMachine } from "../test/samples.ts";
import { checkReceipt, type Checking, type Known } from "./check-receipt.ts";
import { Coordinator } from "./coordinator.ts";
import { Evidence } from "./evidence.ts";
import { Published } from "./keys.ts";
import type { Machine } from "./machine.ts";
import { platform } from "./platform.ts";
import { rulesOf, type AnyPolicy } from "./policy.ts";

const coordinator = testCountersigner("coordinator key");
const keyId = coordinatorKeyId(webCrypto, coordinator.publicKey);
const attestation = await publishedMachine();
const [offered] = sampleOffer.models;
const machine: Machine = {
  attestation,
  verdict: { level: "self_signed", checks: [checks.pass("blob.signature", "yes")], at: timeAt(answeredMs) },
  blob: sampleBlob(),
  models: sampleOffer.models,
  expiresAt: Infinity,
  refusal: undefined,
};
const receipt: Receipt = { ...sampleReceipt(), evidence_sha256: attestation.evidence_sha256 };
const other = "0".repeat(64);
const log = { blind: other, proof: "no proof" };
const logSigner = signerNamed("log.example/1");
const known: Known = {
  requestSha256: receipt.request_sha256,
  responseSha256: receipt.response_sha256,
  nonce: receipt.nonce ?? "",
  responseSignature: toBase64(signer.sign(utf8(receipt.response_sha256))),
  jobId: receipt.job_id,
  endpoint: receipt.endpoint,
  model: receipt.model,
  candidate: machine,
};

async function documentOf(signed: Receipt): Promise<ReceiptDocument> {
  const { jcs, signature } = await signReceipt(signer, signed);
  const time = timeAt(startMs + 2_000);
  return {
    receipt: signed,
    provider_signature: signature,
    coordinator_signature: toBase64(coordinator.sign(countersignatureMessage(jcs, fromBase64(signature), keyId, time))),
    coordinator_key_id: keyId,
    countersigned_at: time,
  };
}

/** Everything is known or pinned: whoever asks the network fails. */
function netOf(policy: AnyPolicy): Checking {
  const ports = platform(() => Promise.reject(new Error("nobody is asked")));
  const asked = new Coordinator(ports, new URL("http://coordinator.example/"));
  const rules = rulesOf(webCrypto, {
    mode: "transparent",
    minTrust: "self_signed",
    coordinatorKeys: [toBase64(coordinator.publicKey)],
    ...policy,
  });
  return {
    ports: { crypto: webCrypto, hpke: webHpke },
    rules,
    evidence: new Evidence(ports, asked, rules, undefined),
    published: new Published(ports, asked),
  };
}

interface Row {
  readonly known?: Partial<Known>;
  readonly machine?: Partial<Machine>;
  readonly receipt?: Partial<Receipt>;
  readonly log?: ReceiptDocument["log"];
  readonly policy?: AnyPolicy;
}

async function stepsOf(row: Row): Promise<Map<string, string>> {
  const document = await documentOf({ ...receipt, ...row.receipt });
  const { steps } = await checkReceipt(
    netOf(row.policy ?? {}),
    { ...document, ...(row.log && { log: row.log }) },
    { ...known, candidate: { ...machine, ...row.machine }, ...row.known },
  );
  return new Map(steps.map(({ id, status }) => [id, status]));
}

/** The place of the usual receipt in a log of nothing else. */
const logOf = async (): Promise<NonNullable<ReceiptDocument["log"]>> => {
  const digest = receiptDigest(webCrypto, await documentOf(receipt));
  const leaf = leafOf(webCrypto, receiptEntry(webCrypto, digest, fromHex(other)));
  return { blind: other, proof: proofFile(0, [], checkpointOf(logSigner, 1, leaf)) };
};

const usual = await stepsOf({});
const privacy = { mode: "sealed" } as const;

it("of an answer that is what it should be passes whole", () => {
  expect(Object.fromEntries(usual)).toEqual({
    ...Object.fromEntries([...usual.keys()].map((id) => [id, "pass"])),
    "receipt.words": "unknown",
  });
  expect(usual.size).toBe(16);
});

/** Goal: each field of a receipt is held against what is known, and nothing is claimed of what is not. Method: one thing otherwise each; all signatures hold. */
it.each<[what: string, row: Row, changed: Record<string, string | undefined>]>([
  ["another job", { known: { jobId: "job_2" } }, { "receipt.job": "fail" }],
  ["a job that no header named", { known: { jobId: undefined } }, { "receipt.job": undefined }],
  ["another endpoint", { known: { endpoint: "/v1/messages" } }, { "receipt.endpoint": "fail" }],
  ["another mode", { policy: privacy }, { "receipt.privacy": "fail" }],
  ["another name of the model", { known: { model: "alias" } }, { "receipt.model": "unknown" }],
  ["the build that was asked for", { known: { build: "tiny-q8" } }, { "receipt.build": "pass" }],
  ["another build than was asked for", { known: { build: "big" } }, { "receipt.build": "fail" }],
  ["a build that is allowed", { policy: { builds: [{ build: "tiny-q8" }] } }, { "receipt.build": "pass" }],
  ["a build that is not allowed", { policy: { builds: [{ build: "big" }] } }, { "receipt.build": "fail" }],
  ["weights that are not allowed", { policy: { builds: [{ weightsSha256: other }] } }, { "receipt.build": "fail" }],
  [
    "a build that was asked for and is not allowed",
    { policy: { builds: [{ build: "big" }] }, known: { build: "tiny-q8" } },
    { "receipt.build": "fail" },
  ],
  [
    "a build that is allowed and was not asked for",
    { policy: { builds: [{ build: "tiny-q8" }] }, known: { build: "big" } },
    { "receipt.build": "fail" },
  ],
  [
    "other weights than were offered",
    { machine: { models: [{ build: "tiny-q8", context_tokens: 1, ...offered, weights_sha256: other }] } },
    { "receipt.weights": "fail" },
  ],
  [
    "another build than was offered",
    { machine: { models: [{ weights_sha256: other, context_tokens: 1, ...offered, build: "big" }] } },
    { "receipt.weights": "fail" },
  ],
  ["a machine that offers nothing", { machine: { models: [] } }, { "receipt.weights": "fail" }],
  ["a machine that is not accepted", { machine: { refusal: "below_level" } }, { "machine.accepted": "fail" }],
  [
    "the evidence of another machine than opened it",
    { receipt: { evidence_sha256: other } },
    {
      "machine.accepted": "fail",
      "receipt.identity": "unknown",
      "receipt.weights": undefined,
      "blob.signature": undefined,
    },
  ],
  [
    "another machine's key",
    { machine: { attestation: { ...attestation, se_public_key: toBase64(coordinator.publicKey) } } },
    { "receipt.identity": "fail" },
  ],
  [
    "a machine whose keys are in the log",
    { machine: { logged: { origin: "log.example", index: 1, size: 2, witnessedBy: ["w"] } } },
    { "log.keys": "pass", "log.witnesses": "pass" },
  ],
  [
    "a place in the log that is none",
    { log, policy: { log: { key: logSigner.verifierKey } } },
    { "receipt.logged": "fail" },
  ],
  [
    "another coordinator's key",
    { policy: { coordinatorKeys: [toBase64(testCountersigner("another").publicKey)] } },
    { "coordinator.key": "fail", "receipt.countersignature": "unknown" },
  ],
])("of %s says so", async (_, row, changed) => {
  const expected = new Map<string, string | undefined>([...usual, ...Object.entries(changed)]);
  for (const [id, status] of expected) if (status === undefined) expected.delete(id);
  expect(await stepsOf(row)).toEqual(expected);
});

it("finds a receipt in the log, by the log's pinned key", async () => {
  const steps = await stepsOf({ log: await logOf(), policy: { log: { key: logSigner.verifierKey } } });
  expect(steps.get("receipt.logged")).toBe("pass");
});

it.each([["model"], ["endpoint"], ["requestSha256"]] as const)(
  "says nothing of a %s that is not known",
  async (field) => {
    const { [field]: _, ...less } = known;
    const { steps } = await checkReceipt(netOf({}), await documentOf(receipt), less);
    const statuses = new Map(steps.map(({ id, status }) => [id, status]));
    expect(statuses.get(`receipt.${field === "requestSha256" ? "request" : field}`)).toBe(
      field === "requestSha256" ? "unknown" : undefined,
    );
  },
);

it("says that a pinned coordinator's key stands on this library's own word", async () => {
  const { steps } = await checkReceipt(netOf({}), await documentOf(receipt), known);
  expect(steps.find(({ id }) => id === "coordinator.key")?.source).toBe("verifier");
});
