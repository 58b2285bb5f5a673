/** One life of one coordinator, from its start to its end. Every hold carries that of who took it, and nobody else ends it. */
export type Lease = string & { readonly of: "lease" };

/** @param coordinator the same in all its lives, without a slash */
export const leaseOf = (coordinator: string, life: string): Lease => `${coordinator}/${life}` as Lease;

/**
 * The lease of one coordinator among several that write to one database. Each life of it is another lease: who was away for so
 * long that another one has taken its lease away, goes on under a new one.
 */
export interface SharedLease {
  readonly current: Lease;
  /** Takes a new one where the current one is gone. */
  renew(): Promise<void>;
}

/** Of a ledger: who has holds open, and their end. */
interface LeasedHolds {
  openLeases(): Promise<readonly Lease[]>;
  releaseOpenHolds(lease: Lease, at: number): Promise<number>;
}

/** Gives back what any other life left open, of whichever coordinator: of a database that this one has alone. @returns how many holds that were */
export async function releaseOtherLives(ledger: LeasedHolds, mine: Lease, at: number): Promise<number> {
  let released = 0;
  for (const lease of await ledger.openLeases())
    if (lease !== mine) released += await ledger.releaseOpenHolds(lease, at);
  return released;
}
