import type { Evidence, ProviderId, Serial, Sha256Hex, Verdict } from "@darkbloom/protocol";

/** A connected provider as others may see it: a copy, never the session. */
export interface ProviderView {
  readonly providerId: ProviderId;
  readonly serial: Serial;
  /** Base64 of the uncompressed P-256 point. */
  readonly identityKey: string;
  readonly chipName: string;
  readonly hardwareModel: string;
  readonly platform: "macos" | "linux" | "other";
  readonly models: readonly {
    readonly build: string;
    readonly weightsSha256: string;
    readonly contextTokens: number;
  }[];
  readonly evidence: Evidence;
  readonly evidenceSha256: Sha256Hex;
  readonly verdict: Verdict;
  /** Passed its latest challenge, not too long ago. */
  readonly attested: boolean;
  readonly slots: number;
  readonly running: number;
  readonly draining: boolean;
  /** Milliseconds since 1970. */
  readonly connectedAt: number;
}

export interface FleetView {
  providers(): readonly ProviderView[];
}
