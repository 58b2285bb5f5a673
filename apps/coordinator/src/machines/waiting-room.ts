import type { AccountId } from "@darkbloom/protocol/ids";
import { leastOf } from "@darkbloom/protocol/lists";

/** Requests that may wait for a slot, per model, and of these per account. */
export const WAITING_PER_MODEL_MAX = 256;
export const WAITING_PER_ACCOUNT_MAX = 64;
/** Bodies that may wait for a slot, all models together and of one account: what waiting can cost in memory. */
export const WAITING_BYTES_MAX = 512 * 1024 * 1024;
export const WAITING_BYTES_PER_ACCOUNT_MAX = 128 * 1024 * 1024;

/** Who waits, as far as the order of serving goes. */
export interface Waiting {
  readonly account: AccountId;
  readonly build: string;
  readonly bytes: number;
  /** When it came; within an account the first is first. */
  readonly startedMs: number;
}

/** Who waits for one build. */
export interface Queue {
  readonly build: string;
  readonly waiting: number;
  /** How long whoever came first has waited. */
  readonly longestMs: number;
}

/**
 * Who waits for a slot: for each model the accounts in turn, one request each, and within an account first come
 * first served. However many requests one account has waiting, another's next one is at most a round away.
 */
export class WaitingRoom<Waiter extends Waiting> {
  /** Maps and sets keep the order in which things were put in: first is next. */
  readonly #accountsByBuild = new Map<string, Map<AccountId, Set<Waiter>>>();
  readonly #countByBuild = new Map<string, number>();
  readonly #bytesByAccount = new Map<AccountId, number>();
  #size = 0;
  #bytes = 0;

  get size(): number {
    return this.#size;
  }

  /** Of all bodies that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Builds that somebody waits for. @param nowMs monotonic */
  queues(nowMs: number): Queue[] {
    return Array.from(this.#accountsByBuild.keys(), (build) => ({
      build,
      waiting: this.#countByBuild.get(build) ?? 0,
      longestMs:
        nowMs -
        leastOf(
          this.inTurn(build).map(({ startedMs }) => startedMs),
          nowMs,
        ),
    }));
  }

  /** Builds that are waited for, the one that was served longest ago first. */
  builds(): Iterable<string> {
    return this.#accountsByBuild.keys();
  }

  isAwaited(build: string): boolean {
    return this.#accountsByBuild.has(build);
  }

  has(waiter: Waiter): boolean {
    return this.#accountsByBuild.get(waiter.build)?.get(waiter.account)?.has(waiter) === true;
  }

  /**
   * Lets one more in, if need be at the cost of the newest request of the account that has the most waiting, and
   * more than this one.
   *
   * @returns whether it is in, and who had to go for it
   */
  enter(waiter: Waiter): { readonly isIn: boolean; readonly displaced?: Waiter } {
    const { account, build, bytes } = waiter;
    const own = this.#accountsByBuild.get(build)?.get(account)?.size ?? 0;
    if (own >= WAITING_PER_ACCOUNT_MAX) return { isIn: false };
    if (this.#bytes + bytes > WAITING_BYTES_MAX) return { isIn: false };
    if ((this.#bytesByAccount.get(account) ?? 0) + bytes > WAITING_BYTES_PER_ACCOUNT_MAX) return { isIn: false };
    if ((this.#countByBuild.get(build) ?? 0) < WAITING_PER_MODEL_MAX) {
      this.#put(waiter);
      return { isIn: true };
    }
    const displaced = this.#newestOfLongest(build, own + 1);
    if (!displaced) return { isIn: false };
    this.leave(displaced);
    this.#put(waiter);
    return { isIn: true, displaced };
  }

  /** Takes one out, whatever became of it. One who is not there is left alone. */
  leave(waiter: Waiter): void {
    const { account, build, bytes } = waiter;
    const accounts = this.#accountsByBuild.get(build);
    const line = accounts?.get(account);
    if (!line?.delete(waiter)) return;
    if (line.size === 0) accounts?.delete(account);
    if (accounts?.size === 0) this.#accountsByBuild.delete(build);
    this.#count(waiter, -1, -bytes);
  }

  /** It is this one's turn: its account's next one, and its model's, come after everybody else's. */
  hadTurn({ account, build }: Waiter): void {
    const accounts = this.#accountsByBuild.get(build);
    const line = accounts?.get(account);
    if (!accounts || !line) return;
    putLast(this.#accountsByBuild, build, accounts);
    putLast(accounts, account, line);
  }

  /** Who waits for this build, in the order of serving: each account's first, then each one's second, and so on. */
  *inTurn(build: string): Generator<Waiter, void> {
    let lines = Array.from(this.#accountsByBuild.get(build)?.values() ?? [], (line) => line.values());
    while (lines.length > 0) {
      const longer: typeof lines = [];
      for (const line of lines) {
        const next = line.next();
        if (next.done === true) continue;
        yield next.value;
        longer.push(line);
      }
      lines = longer;
    }
  }

  #put(waiter: Waiter): void {
    const { account, build, bytes } = waiter;
    const accounts = this.#accountsByBuild.get(build) ?? new Map<AccountId, Set<Waiter>>();
    const line = accounts.get(account) ?? new Set();
    this.#accountsByBuild.set(build, accounts.set(account, line.add(waiter)));
    // One who was told elsewhere first that there is no slot has come before those who sat down meanwhile.
    const later: Waiter[] = [];
    for (const other of line) if (other.startedMs > waiter.startedMs) later.push(other);
    for (const other of later) {
      line.delete(other);
      line.add(other);
    }
    this.#count(waiter, 1, bytes);
  }

  #count({ account, build }: Waiter, more: number, bytes: number): void {
    this.#size += more;
    this.#bytes += bytes;
    addTo(this.#countByBuild, build, more);
    addTo(this.#bytesByAccount, account, bytes);
  }

  #newestOfLongest(build: string, longerThan: number): Waiter | undefined {
    let longest: Set<Waiter> | undefined;
    for (const line of this.#accountsByBuild.get(build)?.values() ?? [])
      if (line.size > (longest?.size ?? longerThan)) longest = line;
    return longest && [...longest].at(-1);
  }
}

function putLast<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): void {
  map.delete(key);
  map.set(key, value);
}

/** Forgets what is zero, so that nothing is kept of who came once. */
function addTo<Key>(sums: Map<Key, number>, key: Key, more: number): void {
  const sum = (sums.get(key) ?? 0) + more;
  if (sum === 0) sums.delete(key);
  else sums.set(key, sum);
}
