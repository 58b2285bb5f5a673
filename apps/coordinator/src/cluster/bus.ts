/** Payloads are cut to this, or to less where the bus takes less: NATS takes 1 MiB unless it is told otherwise. */
export const BUS_PAYLOAD_BYTES_MAX = 512 * 1024;

/**
 * What carries messages between the coordinators of one network. An adapter must pass `busContract`.
 *
 * - A message arrives at most once at each other connection that has subscribed to its subject, or at none; nobody is told which.
 *   Whoever publishes does not hear it.
 * - What one connection publishes arrives in the order in which it was published. What a message is lost from, goes on.
 * - While the bus is away nothing is taken: what is published then is lost, and nothing is kept for later.
 * - Subscriptions outlast an absence.
 */
export interface Bus {
  /** Whether it is there, as far as is known. */
  readonly isUp: boolean;
  /** A longer payload is refused; at most `BUS_PAYLOAD_BYTES_MAX`. */
  readonly payloadBytesMax: number;
  /** @throws RangeError for a payload that is too long */
  publish(subject: string, payload: Uint8Array): void;
  /** @param hear is given bytes that may change after its turn; leaving the scope of the answer ends it */
  subscribe(subject: string, hear: (payload: Uint8Array) => void): Disposable;
  /** Tells of each change of `isUp`. */
  watch(changed: (isUp: boolean) => void): Disposable;
}
