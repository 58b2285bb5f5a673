import type { CoordinatorId } from "@darkbloom/protocol/ids";
import type { Clock } from "@darkbloom/protocol/ports";
import type { Change, Changes } from "../events/changes.ts";
import type { Notice, Notices } from "../events/notices.ts";
import type { Post } from "./post.ts";
import { CHANGES_TOLD_MAX, type Of, type Words } from "./words.ts";

/** Who changes something waits so long for the others to have forgotten what it was. Who could not be reached reads it again by itself. */
export const NOTICE_MS_MAX = 1_000;
/** Notices that are waited for at once; of further ones nobody waits. */
export const NOTICES_WAITED_MAX = 1_024;
/** What pages ask for again is told together, this often at most. */
export const PAGES_TOLD_EVERY_MS = 250;

export interface TellingsNet {
  readonly clock: Clock;
  readonly notices: Notices;
  readonly changes: Changes;
}

/** What has changed, from each coordinator to all others: what they remember and shall forget, and what their pages ask for again. */
export class Tellings implements Disposable {
  readonly #net: TellingsNet;
  readonly #post: Post;
  readonly #peers: () => Iterable<CoordinatorId>;
  readonly #failed: (error: unknown) => void;
  readonly #waits = new Map<number, { readonly left: Set<CoordinatorId>; readonly done: () => void }>();
  #count = 0;
  readonly #changed = new Map<string, Change>();
  readonly #over = new AbortController();
  readonly #parts: readonly Disposable[];

  /** @param peers all that are heard now */
  constructor(net: TellingsNet, post: Post, peers: () => Iterable<CoordinatorId>, failed: (error: unknown) => void) {
    this.#net = net;
    this.#post = post;
    this.#peers = peers;
    this.#failed = failed;
    this.#parts = [
      net.notices.carriedBy((notice) => this.#tell(notice)),
      net.changes.listen((change, isFar) => {
        if (!isFar) this.#pagesChange(change);
      }),
    ];
  }

  noticed(from: CoordinatorId, { number, kind, of }: Of<"noticed">): void {
    const forgotten = this.#net.notices.heard({ kind, of });
    forgotten
      .then(() => this.#post.tell(from, { type: "forgotten", number } satisfies Words))
      .catch((error: unknown) => this.#failed(error));
  }

  forgotten(from: CoordinatorId, { number }: Of<"forgotten">): void {
    const wait = this.#waits.get(number);
    wait?.left.delete(from);
    if (wait?.left.size === 0) wait.done();
  }

  /** Of a coordinator that is gone nobody waits for a word. */
  gone(id: CoordinatorId): void {
    for (const number of this.#waits.keys()) this.forgotten(id, { type: "forgotten", number });
  }

  pages({ changes }: Of<"pages">): void {
    for (const { kind, of } of changes) this.#net.changes.heard(of === undefined ? { kind } : { kind, of });
  }

  async #tell({ kind, of }: Notice): Promise<void> {
    const left = new Set(this.#peers());
    const number = ++this.#count;
    this.#post.tellAll({ type: "noticed", number, kind, of } satisfies Words);
    if (left.size === 0 || this.#waits.size >= NOTICES_WAITED_MAX) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waits.set(number, { left, done: resolve });
    const late = new AbortController();
    const signal = AbortSignal.any([late.signal, this.#over.signal]);
    await Promise.race([promise, this.#net.clock.sleep(NOTICE_MS_MAX, signal).catch(() => undefined)]);
    late.abort();
    this.#waits.delete(number);
  }

  /** The load of machines is told of with the machines themselves. */
  #pagesChange(change: Change): void {
    if (change.kind === "load") return;
    const isFirst = this.#changed.size === 0;
    // Of too many at once only what kinds they are of is told, to everybody.
    const { kind } = change;
    const told = this.#changed.size < CHANGES_TOLD_MAX / 2 ? change : { kind };
    this.#changed.set(`${told.kind} ${told.of ?? ""}`, told);
    if (!isFirst) return;
    const { clock } = this.#net;
    const later = clock.sleep(PAGES_TOLD_EVERY_MS, this.#over.signal).then(() => this.#tellPages());
    // It ends with the scope.
    later.catch(() => undefined);
  }

  #tellPages(): void {
    const changes = [...this.#changed.values()];
    this.#changed.clear();
    this.#post.tellAll({ type: "pages", changes } satisfies Words);
  }

  [Symbol.dispose](): void {
    this.#over.abort();
    for (const part of this.#parts) part[Symbol.dispose]();
  }
}
