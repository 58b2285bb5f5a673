import type { PersonId } from "@darkbloom/protocol/ids";

/** Somebody at an OpenID provider: by OpenID Connect Core §5.7 issuer and subject together are them, and nothing else is. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
  readonly personId: PersonId;
  readonly createdAt: number;
  /** When their groups let them in no more: what their `disabledAt` was set to for it. Null: they do, or did last. */
  readonly leftAt: number | null;
}

/**
 * Who people are at OpenID providers. An adapter passes `identitiesContract`.
 *
 * - `put` is idempotent, and replaces whom an identity stood for.
 */
export interface Identities {
  put(identity: Identity): Promise<void>;
  find(issuer: string, subject: string): Promise<Identity | undefined>;
  /** The oldest first. */
  of(personId: PersonId): Promise<Identity[]>;
  /** None of a person's is left. */
  removeOf(personId: PersonId): Promise<void>;
}
