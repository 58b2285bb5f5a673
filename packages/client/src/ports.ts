import type { Crypto } from "@darkbloom/protocol/ports";
import type { Hpke } from "@darkbloom/protocol/sealing";

/** The outside world, so that a test can hold the clock and the network. */
export interface Ports {
  readonly crypto: Crypto;
  readonly hpke: Hpke;
  /** Milliseconds since 1970. */
  now(): number;
  readonly random: { bytes(length: number): Uint8Array<ArrayBuffer> };
  send(url: URL, init: RequestInit): Promise<Response>;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
