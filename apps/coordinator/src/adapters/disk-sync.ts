import { closeSync, constants, fdatasync, openSync } from "node:fs";
import { promisify } from "node:util";

const syncData = promisify(fdatasync);

/** A sync that takes longer shows a disk that does not answer: what comes meanwhile is refused at once. */
export const SYNC_MS_MAX = 10_000;

/** Who knows when a commit is on the disk. */
export interface Disk {
  /**
   * Resolves once everything that was written before this call is on the disk.
   *
   * @throws Error of the file system, from the first one on at every call
   */
  synced(): Promise<void>;
  /** Why nothing is written: what a sync failed with, for good, or one that takes too long, until it ends. */
  readonly failure: Error | undefined;
}

/**
 * Syncs one file off the event loop. Calls that come while a sync runs share the next one, since that one may have begun
 * before their bytes were written. After one that failed none is tried: the kernel may have dropped what it could not write, and
 * would say nothing the next time.
 */
export class DiskSync implements Disk, AsyncDisposable {
  readonly #handle: number;
  readonly #sync: (handle: number) => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failure: Error | undefined;
  #sinceMs = Number.POSITIVE_INFINITY;

  /** @param sync for tests */
  constructor(path: string, sync: (handle: number) => Promise<void> = syncData) {
    this.#handle = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    this.#sync = sync;
  }

  get failure(): Error | undefined {
    if (performance.now() - this.#sinceMs < SYNC_MS_MAX) return this.#failure;
    return Object.assign(new Error("a sync takes too long"), { code: "ETIMEDOUT", syscall: "fdatasync" });
  }

  synced(): Promise<void> {
    this.#next ??= this.#after(this.#running);
    return this.#next;
  }

  async #after(running: Promise<void> | undefined): Promise<void> {
    // Those who waited for that one were told; this one fails by what it left.
    await running?.catch(() => undefined);
    this.#running = this.#next;
    this.#next = undefined;
    try {
      if (this.#failure) throw this.#failure;
      this.#sinceMs = performance.now();
      await this.#sync(this.#handle);
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error("a sync failed", { cause: error });
      throw this.#failure;
    } finally {
      this.#running = undefined;
      this.#sinceMs = Number.POSITIVE_INFINITY;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#next ?? this.#running)?.catch(() => undefined);
    closeSync(this.#handle);
  }
}
