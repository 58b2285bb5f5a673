/** One life of one coordinator, from its start to its end. Every hold carries that of who took it, and nobody else ends it. */
export type Lease = string & { readonly of: "lease" };

/** @param coordinator the same in all its lives, without a slash */
export const leaseOf = (coordinator: string, life: string): Lease => `${coordinator}/${life}` as Lease;

/** Whether this is of another life of the same coordinator, which is over, since there is one at a time. */
export const isEarlierLife = (lease: Lease, mine: Lease): boolean =>
  lease !== mine && coordinatorOf(lease) === coordinatorOf(mine);

const coordinatorOf = (lease: Lease): string => lease.slice(0, lease.indexOf("/"));

/** Of a ledger: who has holds open, and their end. */
interface LeasedHolds {
  openLeases(): Promise<readonly Lease[]>;
  releaseOpenHolds(lease: Lease, at: number): Promise<number>;
}

/** Gives back what this coordinator's earlier lives left open, and answers how many holds that were. */
export async function releaseEarlierLives(ledger: LeasedHolds, mine: Lease, at: number): Promise<number> {
  let released = 0;
  for (const lease of await ledger.openLeases())
    if (isEarlierLife(lease, mine)) released += await ledger.releaseOpenHolds(lease, at);
  return released;
}
