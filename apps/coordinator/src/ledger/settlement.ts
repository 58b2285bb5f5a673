import type { AccountId, JobId, MachineId, Serial } from "@darkbloom/protocol/ids";
import type { MicroUsd, Usage } from "@darkbloom/protocol/money";
import type { ReceiptDocument } from "@darkbloom/protocol/receipts";

/** One request's money, whatever its attempts. Ours, and unique: a caller's request id may repeat. */
export type HoldId = string & { readonly of: "hold" };

/** How a request ended; `shutdown` is one that a coordinator on its way out waited for in vain, `crashed` is written at the next start for holds that a crash left open. */
export const outcomes = [
  "finished",
  "caller_gone",
  "provider_fault",
  "too_slow",
  "receipt_mismatch",
  "refused",
  "shutdown",
  "crashed",
] as const;
export type Outcome = (typeof outcomes)[number];

export interface Settlement {
  readonly outcome: Outcome;
  /** What is owed; the ledger charges at most the hold. */
  readonly charge: MicroUsd;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The last attempt, where there was one. Without a job there is no usage row. */
  readonly job?: {
    readonly jobId: JobId;
    readonly serial: Serial;
    /** Zero where nothing was signed. */
    readonly usage: Usage;
    /** Of the charge, what the provider earns. Never above the charge. */
    readonly earned: MicroUsd;
    /** Whose account that goes into, and by which machine; nobody's where nothing is earned. */
    readonly earner?: { readonly account: AccountId; readonly machineId: MachineId };
    /** Kept for as long as the operator says, in the same step as the charge. */
    readonly receipt?: ReceiptDocument;
    /** Of the receipt, as `receiptDigest` gives it: what the transparency log holds of it. */
    readonly receiptSha256?: Uint8Array;
  };
}

export interface Totals {
  /** Granted, paid in and earned; held money is not in it. */
  readonly balance: MicroUsd;
  readonly held: MicroUsd;
  /** Since the account began, as is what was credited: granted and paid in. */
  readonly charged: MicroUsd;
  readonly credited: MicroUsd;
}

/** Of everything that was ever charged, whose it is. */
export interface Shares {
  /** What machines earned, also of answers that the platform paid for. */
  readonly machines: MicroUsd;
  /** The rest, also of what it holds; below zero where the platform paid more than it kept. */
  readonly platform: bigint;
}
