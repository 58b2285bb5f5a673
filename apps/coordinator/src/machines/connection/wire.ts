/** Text, or a binary message of records. */
export type Message = string | Uint8Array;

/**
 * One provider's socket, as the session sees it. The edge implements it over WebSocket, tests over a
 * simulated network.
 */
export interface Wire {
  /** What was handed over and is not yet written to the network, in bytes. */
  readonly bufferedBytes: number;
  send(message: Message): void;
  /** Asks for a sign of life; `heard` of the session is called when it comes. */
  ping(): void;
  /** Says goodbye and closes. */
  close(code: number, reason: string): void;
  /** Drops the connection at once, for a peer that no longer answers. */
  terminate(): void;
}

/** Close codes of the provider connection (RFC 6455 §7.4.1). */
export const closeCodes = { goodbye: 1000, goingAway: 1001, policy: 1008, tryAgain: 1013 } as const;
