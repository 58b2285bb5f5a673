import type { ModelTask } from "@darkbloom/protocol/dialects";
import type { Evidence, NoncePath, Verdict } from "@darkbloom/protocol/evidence";
import type { ProviderId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Candidate } from "../routing/eligibility.ts";
import type { MachineId } from "../trust/approvals.ts";

/** What a machine has shown and what came of that, as it is known of the one that a request was handed to. */
export interface ShownView {
  readonly providerId: ProviderId;
  /** In its evidence and in the books: its own, or the pseudonym in its place. */
  readonly serial: Serial;
  /** What callers are told beside the evidence; undefined where the operator discloses nothing. */
  readonly toldSerial: Serial | undefined;
  /** Base64 of the uncompressed P-256 point. */
  readonly identityKey: string;
  readonly machineId: MachineId;
  readonly chipName: string;
  readonly hardwareModel: string;
  readonly engine: { readonly name: string; readonly version: string };
  readonly platform: "macos" | "linux" | "other";
  readonly models: readonly {
    readonly build: string;
    readonly weightsSha256: string;
    readonly contextTokens: number;
    /** Of its longest token, as the machine says; undefined where it does not. */
    readonly tokenBytesMax?: number;
    /** What the machine says that it can be asked for; undefined where it does not. */
    readonly tasks?: readonly ModelTask[];
  }[];
  readonly evidenceSha256: Sha256Hex;
  readonly verdict: Verdict;
  /** Passed its latest challenge, not too long ago. */
  readonly attested: boolean;
}

/** A connected provider as others may see it: a copy, never the session. */
export interface ProviderView extends ShownView {
  readonly evidence: Evidence;
  readonly slots: number;
  readonly running: number;
  readonly draining: boolean;
  /** Milliseconds since 1970. */
  readonly connectedAt: number;
}

/** A machine with a caller's nonce in its latest challenge; without a path it has not answered one. */
export interface ProvenView {
  readonly provider: ProviderView;
  readonly path?: NoncePath;
}

export interface FleetView {
  providers(): readonly ProviderView[];
  /** The same machines, as routing sees them. */
  candidates(): readonly Candidate[];
  /** Of those alone who say that they serve this build. */
  candidatesFor(build: string): Iterable<Candidate>;
  /**
   * Has every machine answer a challenge over this nonce, soon; waits for all of them, or until their time is up.
   *
   * @throws NetworkError `overloaded` where too many nonces wait already
   */
  prove(nonce: Uint8Array): Promise<readonly ProvenView[]>;
}
