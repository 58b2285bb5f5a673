import type { DialFault } from "../events/events.ts";

/** Text, or a binary message of records. */
export type Message = string | Uint8Array;

/** The provider's end of the connection; the edge implements it over WebSocket, tests over a simulated network. */
export interface Wire {
  /** What was handed over and not yet written to the network, in bytes. */
  readonly bufferedBytes: number;
  send(message: Message): void;
  /** Asks for a sign of life; the listener's `heard` follows when it comes. */
  ping(): void;
  /** Says goodbye and closes. */
  close(code: number, reason: string): void;
  /** Drops the connection at once, for a peer that no longer answers. */
  terminate(): void;
}

/** What the edge tells of one open connection. */
export interface Listener {
  received(message: Message): void;
  /** Any other sign of life. */
  heard(): void;
  /** Something was written to the network. */
  drained(): void;
  /** @param reason what the coordinator said, in its own words; empty where it said nothing */
  closed(code: number, reason: string): void;
}

/** Opens connections to one coordinator. */
export interface Dialer {
  /** Rejects with DialError where no connection can be had, and when the signal aborts first. */
  dial(listener: Listener, signal: AbortSignal): Promise<Wire>;
}

export class DialError extends Error {
  override readonly name = "DialError";
  readonly code: DialFault;

  constructor(code: DialFault, options?: ErrorOptions) {
    super(code, options);
    this.code = code;
  }
}

/** Close codes of the provider connection (RFC 6455 §7.4.1). */
export const closeCodes = { goodbye: 1000, policy: 1008 } as const;
