import type { AccountId, KeyId, MachineId, PersonId } from "@darkbloom/protocol/ids";

/** What each coordinator keeps in memory of what is in the database that it shares with others. */
export const noticeKinds = ["key", "person", "team", "machine"] as const;
export type NoticeKind = (typeof noticeKinds)[number];

/** That something of it is otherwise now, and nothing of what it is. */
export interface Notice {
  readonly kind: NoticeKind;
  readonly of: KeyId | PersonId | AccountId | MachineId;
}

type Hear = (of: Notice["of"]) => void | Promise<void>;
type Carry = (notice: Notice) => Promise<void>;

/** Between what is changed here and what others of the same database remember: they forget it before its change is answered here. */
export class Notices {
  readonly #hearers = new Map<NoticeKind, Set<Hear>>();
  #carry: Carry | undefined;

  /** From now on others hear of it. */
  carriedBy(carry: Carry): Disposable {
    this.#carry = carry;
    return { [Symbol.dispose]: () => void (this.#carry = undefined) };
  }

  /** It was changed here. Resolves once every other coordinator that can be heard has forgotten it, or after a bound of its carrier's. */
  async tell(notice: Notice): Promise<void> {
    await this.#carry?.(notice);
  }

  /** It was changed elsewhere. Resolves once it is forgotten here. */
  async heard({ kind, of }: Notice): Promise<void> {
    for (const hear of this.#hearers.get(kind) ?? []) await hear(of);
  }

  listen(kind: NoticeKind, hear: Hear): void {
    this.#hearers.set(kind, (this.#hearers.get(kind) ?? new Set()).add(hear));
  }
}
