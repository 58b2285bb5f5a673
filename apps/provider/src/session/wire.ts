/** The provider's end of the connection; the edge implements it over WebSocket, tests over a simulated network. */
export interface Wire {
  /** Text handed over and not yet written to the network, in bytes. */
  readonly bufferedBytes: number;
  send(text: string): void;
  ping(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** What the edge tells of one connection. */
export interface Listener {
  received(text: string): void;
  heard(): void;
  drained(): void;
  /** @param reason what the coordinator said, in its own words; empty where it said nothing */
  closed(code: number, reason: string): void;
}

/** Opens connections to one coordinator. Rejects where none can be had. */
export interface Dialer {
  dial(listener: Listener, signal: AbortSignal): Promise<Wire>;
}
