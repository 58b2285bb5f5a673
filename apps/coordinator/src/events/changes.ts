import type { AccountId, PersonId } from "@darkbloom/protocol/ids";

/** What somebody who looks at a page may have to ask for again. */
export const changeKinds = ["keys", "load", "machines", "money", "people", "requests", "sessions", "teams"] as const;
export type ChangeKind = (typeof changeKinds)[number];

/** That something is otherwise, and nothing of what it is now. */
export interface Change {
  readonly kind: ChangeKind;
  /** Whom it concerns, beside operators; undefined: everybody. */
  readonly of?: AccountId | PersonId;
}

/** @param isFar another coordinator has told of it */
type Hearer = (change: Change, isFar: boolean) => void;

/** Says at once what changed to whoever listens. It keeps nothing: who comes later asks for everything anyway. */
export class Changes {
  readonly #hearers = new Set<Hearer>();

  tell(kind: ChangeKind, of?: AccountId | PersonId): void {
    this.#say(of === undefined ? { kind } : { kind, of }, false);
  }

  /** It has changed at another coordinator. */
  heard(change: Change): void {
    this.#say(change, true);
  }

  listen(hear: Hearer): Disposable {
    this.#hearers.add(hear);
    return { [Symbol.dispose]: () => void this.#hearers.delete(hear) };
  }

  #say(change: Change, isFar: boolean): void {
    for (const hear of this.#hearers) hear(change, isFar);
  }
}
