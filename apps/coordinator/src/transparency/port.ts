import type { JobId } from "@darkbloom/protocol/ids";
import type { Tile } from "@darkbloom/protocol/log";

/** A receipt that no entry stands for yet. */
export interface UnloggedReceipt {
  readonly jobId: JobId;
  /** As `receiptDigest` gives it. */
  readonly sha256: Uint8Array;
}

/**
 * What a transparency log is kept in. Only ever added to: what was once an entry stays one, at its index.
 *
 * - `append` adds facts that are not in yet, then an entry for each of the oldest unlogged receipts, in one durable step.
 * - `tile` answers with the first `width` hashes or entries, where there are as many.
 */
export interface LogStore {
  /** Entries that it holds, as far as was read or added here. */
  size(): number;
  /** Reads that again, where others add too. */
  refresh?(): Promise<void>;
  append(facts: readonly Uint8Array[], entryOf: (receipt: UnloggedReceipt) => Uint8Array): Promise<void>;
  tile(tile: Tile): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Where the receipt of this job stands; undefined where it does not yet. */
  indexOf(jobId: JobId): Promise<number | undefined>;
  /** Where the fact stands whose leaf this is; undefined where there is none. */
  indexOfFact(leaf: Uint8Array): Promise<number | undefined>;
}

/** The log's own key, and the last checkpoint that it signed. */
export interface LogSigner {
  /** The log's name, in every checkpoint. */
  readonly origin: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
  /** Durable once it returns: a log never signs another tree of that size. */
  keep(checkpointNote: string): void;
  kept(): string | undefined;
}

/** Of a log that several coordinators add to: the one checkpoint that all of them publish, which one of them signs at a time. */
export interface SharedHead {
  /** Whether that is this one now. Two that both think so sign the same tree at each size. */
  mayPublish(): boolean;
  read(): Promise<string | undefined>;
  /** Unless one of a larger tree is there. */
  write(size: number, checkpointNote: string): Promise<void>;
}

/** Somebody else who signs what they saw, so that no log can show two people two trees. */
export interface Witness {
  /** Who it is, as a verifier key (https://c2sp.org/signed-note). */
  readonly verifierKey: string;
  /**
   * Shows it a checkpoint, with a proof from the one that it saw last.
   *
   * @param proofFrom the consistency proof from an earlier size
   * @param over aborts when it is waited for no longer; it has a bound of its own beside that
   * @returns its signature lines; undefined where it gave none
   */
  cosign(
    checkpointNote: string,
    size: number,
    proofFrom: (earlier: number) => Promise<readonly Uint8Array[]>,
    over?: AbortSignal,
  ): Promise<string | undefined>;
}
