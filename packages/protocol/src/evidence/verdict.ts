import type { NoncePath } from "./caller-nonces.ts";

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

/** Identities that somebody has withdrawn, as of a date. */
export interface Revocations {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Lower-case hex of SHA-256 over the identity key's 65 bytes. */
  readonly identityKeySha256: ReadonlySet<string>;
}

export interface Policy {
  /** At registration a blob must be fresh; afterwards its challenge must be. */
  readonly moment: "registration" | "later";
  /** What a caller has sent to be answered over, and the path that came back. */
  readonly callerNonce?: { readonly nonce: Uint8Array; readonly path: NoncePath };
  readonly revocations?: Revocations;
}
