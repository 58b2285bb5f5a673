import type {
  AccountId,
  JobId,
  KeyId,
  MachineId,
  ModelId,
  RequestId,
  Serial,
  Sha256Hex,
} from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import type { ReceiptDocument } from "@darkbloom/protocol/receipts";
import type { Idempotency } from "./idempotency.ts";
import { leaseOf } from "./lease.ts";
import type { HoldTerms } from "./port.ts";
import type { HoldId, Outcome, Settlement } from "./settlement.ts";

/** Two accounts for tests of the ledger and of what stands on it. */
export const anna = "acct_anna" as AccountId;
export const bert = "acct_bert" as AccountId;

/** The account of the machine that earns in `settlementOf`. */
export const machine = "mach_1" as AccountId;
export const machineId = "mach_1" as MachineId;
/** A life of the coordinator under test. */
export const lease = leaseOf("tested", "1");

/** Money for one request; its ids follow from the name. */
export const termsOf = (hold: string, amount: bigint, account = anna): HoldTerms => ({
  holdId: `hold_${hold}` as HoldId,
  requestId: `request_${hold}` as RequestId,
  account,
  keyId: "key_1" as KeyId,
  model: "darkbloom-tiny" as ModelId,
  amount: microUsd(amount),
  tokens: 100n,
  caps: [],
  at: 1_000,
});

/** What a key and a body come to; both are one letter of a hash. */
export const idempotencyOf = (key: string, body = "b"): Idempotency => ({
  keySha256: key.repeat(64).slice(0, 64) as Sha256Hex,
  bodySha256: body.repeat(64) as Sha256Hex,
});

/** A settlement with or without a job, whose usage is always the same. */
export const settlementOf = (
  charge: bigint,
  job?: { id: string; earned?: bigint; earner?: AccountId; receipt?: ReceiptDocument },
  rest: { outcome?: Outcome; at?: number } = {},
): Settlement => ({
  outcome: rest.outcome ?? "finished",
  charge: microUsd(charge),
  at: rest.at ?? 2_000,
  ...(job && {
    job: {
      jobId: `job_${job.id}` as JobId,
      serial: "SERIAL1" as Serial,
      usage: { promptTokens: 11, cachedTokens: 3, completionTokens: 7, reasoningTokens: 2 },
      earned: microUsd(job.earned ?? 0n),
      ...(job.earned && { earner: { account: job.earner ?? machine, machineId } }),
      ...(job.receipt && { receipt: job.receipt }),
    },
  }),
});

const hex = (digit: string): string => digit.repeat(64);

/** A receipt of the right shape; nobody signed it. */
export const receiptOf = (jobId: string): ReceiptDocument => ({
  receipt: {
    v: 1,
    job_id: jobId,
    request_id: "request_1",
    privacy: "transparent",
    endpoint: "/v1/chat/completions",
    model: "darkbloom-tiny",
    build: "darkbloom-tiny-q8_0",
    weights_sha256: hex("a"),
    engine: { name: "scripted", version: "1" },
    request_sha256: hex("b"),
    response_sha256: hex("c"),
    sampling: {
      temperature: 0.7,
      top_p: 1,
      top_k: 0,
      frequency_penalty: 0,
      presence_penalty: 0,
      logit_bias: 0,
      seed: 1,
      stop: 0,
      max_tokens: 16,
      n: 1,
    },
    usage: { prompt_tokens: 11, cached_tokens: 3, completion_tokens: 7, reasoning_tokens: 2 },
    finish_reason: "stop",
    provider_id: "provider_1",
    identity_key: "BAAA",
    evidence_sha256: hex("d"),
    started_at: "2026-01-01T00:00:00.000Z",
    finished_at: "2026-01-01T00:00:01.000Z",
  },
  provider_signature: "AAAA",
  coordinator_signature: "AAAA",
  coordinator_key_id: "0123456789abcdef",
  countersigned_at: "2026-01-01T00:00:02.000Z",
});
