export const trustLevels = ["none", "self_signed", "hardware"] as const;
export type TrustLevel = (typeof trustLevels)[number];

export const atLeast = (level: TrustLevel, minimum: TrustLevel): boolean =>
  trustLevels.indexOf(level) >= trustLevels.indexOf(minimum);

export interface Check {
  /** Stable name, e.g. `blob.signature`. */
  readonly id: string;
  readonly status: "pass" | "fail" | "unknown";
  /** What was found, in one short phrase. */
  readonly seen: string;
  /** What would mend it; empty where nothing needs mending. */
  readonly remedy: string;
}

/** What follows from a machine's evidence: a level and every check, kept and shown on failure too. */
export interface Verdict {
  readonly level: TrustLevel;
  readonly checks: readonly Check[];
  /** RFC 3339. */
  readonly at: string;
}

/** What a machine shows, as the exact bytes that were signed. */
export interface Evidence {
  readonly blob: Uint8Array<ArrayBuffer>;
  readonly blobSignature: Uint8Array<ArrayBuffer>;
  /** The latest challenge and its answer; absent until one was answered. */
  readonly challenge?: {
    readonly nonce: Uint8Array<ArrayBuffer>;
    readonly callersRoot: string | null;
    readonly answer: Uint8Array<ArrayBuffer>;
    readonly signature: Uint8Array<ArrayBuffer>;
  };
}

export interface Policy {
  /** At registration a blob must be fresh; afterwards its challenge must be. */
  readonly moment: "registration" | "later";
}
