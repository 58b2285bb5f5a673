/**
 * The outside world, as the rules and stories see it. Real ones are in `@darkbloom/protocol/node`;
 * tests pass simulated ones, so that a seed replays a day.
 */
export interface Clock {
  /** Milliseconds since 1970, for what is written down. */
  now(): number;
  /** Milliseconds that never go back, for what is measured. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  bytes(length: number): Uint8Array<ArrayBuffer>;
  /** At least 0 and below 1. For jitter and ties, never for keys. */
  fraction(): number;
}

/** The few primitives that signatures and hashes are made of, so that this package runs in browsers too. */
export interface Crypto {
  /** A hash that is fed piece by piece, for bodies that are relayed as they come. */
  newSha256(): Sha256Stream;
  sha256(...parts: Uint8Array[]): Uint8Array<ArrayBuffer>;
  /** @param publicKey uncompressed P-256 point, 65 bytes; @param signature DER. False for anything malformed. */
  verifyP256(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** @param publicKey 32 bytes; @param signature 64 bytes. False for anything malformed. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

export interface Sha256Stream {
  update(bytes: Uint8Array): void;
  /** 32 bytes; once, at the end. */
  digest(): Uint8Array<ArrayBuffer>;
}
