/**
 * Mutants that no test can see, and why that is right. Found by file and source, so that lines may move; one that is seen,
 * or no longer in the file, is an error. In order of files.
 */
export interface Harmless {
  readonly file: string;
  /** The source of the condition on one line, as `npm run mutate-checks` prints it. */
  readonly text: string;
  /** What it becomes; every change of it where it is missing. */
  readonly change?: string;
  readonly why: string;
}

export const harmless: readonly Harmless[] = [
  {
    file: "apps/coordinator/src/ledger/book.ts",
    text: "one < other",
    change: "<=",
    why: "of two amounts that are the same either is the lesser",
  },
  {
    file: "apps/provider/src/ws/dial.ts",
    text: "!isBinary && Buffer.isBuffer(data)",
    change: "left side",
    why: "ws gives every text as one Buffer; only its type has other forms",
  },
  {
    file: "packages/protocol/src/sealing/answer.ts",
    text: "rest.length < NONCE_BYTES",
    change: "<=",
    why: "of a nonce that comes alone there is no frame yet, whether it is kept or read",
  },
];
