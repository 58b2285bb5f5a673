import type { ActivationStatement } from "./activation.ts";
import type { NoncePath } from "./caller-nonces.ts";
import type { Check } from "./check.ts";
import type { HardwareEvidence } from "./hardware-evidence.ts";
import type { TpmQuote } from "./tpm-evidence.ts";
import type { VendorRoots } from "./vendor-roots.ts";

export const trustLevels = ["none", "self_signed", "hardware"] as const;
export type TrustLevel = (typeof trustLevels)[number];

export const atLeast = (level: TrustLevel, minimum: TrustLevel): boolean =>
  trustLevels.indexOf(level) >= trustLevels.indexOf(minimum);

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
  /** What the machine can be asked for, and the identity key's signature over that. */
  readonly offer: Uint8Array<ArrayBuffer>;
  readonly offerSignature: Uint8Array<ArrayBuffer>;
  /** The latest challenge and its answer; absent until one was answered. */
  readonly challenge?: {
    readonly nonce: Uint8Array<ArrayBuffer>;
    readonly callersRoot: string | null;
    readonly answer: Uint8Array<ArrayBuffer>;
    readonly signature: Uint8Array<ArrayBuffer>;
    /** What the machine's TPM says of its start, over the same nonce. */
    readonly quote?: TpmQuote;
  };
  readonly hardware?: HardwareEvidence;
  /** A coordinator's word on the TPM's activation, for whoever has not run one. */
  readonly activation?: ActivationStatement;
}

/** Identities that somebody has withdrawn, as of a date. */
export interface Revocations {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Lower-case hex of SHA-256 over the identity key's 65 bytes. */
  readonly identityKeySha256: ReadonlySet<string>;
}

/** What whoever judges machines knows beforehand, the same for every machine. */
export interface MachinePolicy {
  readonly revocations?: Revocations;
  /** Certificates at which a maker's path may end. Without those of a maker, its paths read `unknown`. */
  readonly roots?: VendorRoots;
  /** Values that a PCR may have, lower-case hex, by its index. */
  readonly pcrs?: Readonly<Record<number, readonly string[]>> | undefined;
  /** Coordinators whose word on an activation is taken: Ed25519 keys by their ids. */
  readonly coordinatorKeys?: ReadonlyMap<string, Uint8Array> | undefined;
}

export interface Policy extends MachinePolicy {
  /** At registration a blob must be fresh; afterwards its challenge must be. */
  readonly moment: "registration" | "later";
  /** What a caller has sent to be answered over, and the path that came back. */
  readonly callerNonce?: { readonly nonce: Uint8Array; readonly path: NoncePath };
  /** Of whoever has run the TPM's activation itself. */
  readonly activation?: Check["status"];
  /** The serial as the maker gave it, where the blob has another. */
  readonly ownSerial?: string;
  /** The pseudonym that must stand in place of the machine's serial. Only the coordinator that gave it can know. */
  readonly serialAlias?: string;
}
