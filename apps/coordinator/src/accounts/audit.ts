import type { MachineId, PersonId, TokenId } from "@darkbloom/protocol/ids";

/** What the log can say was done, in closed words. */
export const auditActions = [
  "links.create",
  "sessions.create",
  "sessions.revoke",
  "passkeys.create",
  "passkeys.remove",
  "devices.approve",
  "devices.deny",
  "invites.create",
  "invites.revoke",
  "people.create",
  "people.disable",
  "people.enable",
  "people.role",
  "people.export",
  "people.erase",
  "keys.create",
  "keys.edit",
  "keys.revoke",
  "keys.rotate",
  "tokens.create",
  "tokens.revoke",
  "teams.create",
  "teams.edit",
  "teams.delete",
  "teams.invite",
  "teams.withdraw",
  "teams.join",
  "teams.role",
  "teams.leave",
  "teams.remove",
  "credit",
  "machines.link",
  "machines.edit",
  "machines.unlink",
  "deposits.open",
  "deposits.refund",
  "withdrawals.ask",
  "withdrawals.cancel",
  "payouts.take",
  "payouts.paid",
  "payouts.failed",
  "machines.approve",
  "machines.refuse",
  "machines.forgive",
] as const;
export type AuditAction = (typeof auditActions)[number];

/** Why an operator exports or erases somebody: they have asked for it, they have left, or a law or a court demands it. */
export const leavingReasons = ["asked", "left", "law"] as const;
export type LeavingReason = (typeof leavingReasons)[number];

/**
 * Who did it: somebody who is signed in, a program with an operator's token, a machine that gives its own token back, what an OpenID
 * provider says of somebody who signs in, or whoever can open the socket in the data folder.
 */
export type Actor = PersonId | TokenId | MachineId | "openid" | "socket";

/** One change. No secret and nobody's words have a place in it. */
export interface AuditEntry {
  readonly at: number;
  readonly actor: Actor;
  readonly action: AuditAction;
  /** The id of what it was done to, one that we made; of a person in a team both, and of one with a reason both, with a `/` between. */
  readonly subject: string;
}

export interface KeptEntry extends AuditEntry {
  /** Counts up. */
  readonly seq: number;
}

/** Entries of one page. */
export const AUDIT_ROWS_MAX = 500;

/** What sessions and operators changed. An adapter passes `auditContract`; nothing takes an entry away. */
export interface Audit {
  add(entry: AuditEntry): Promise<void>;
  /**
   * Newest first.
   *
   * @param before only entries with a smaller `seq`
   * @param rows at most `AUDIT_ROWS_MAX`
   */
  list(rows: number, before?: number): Promise<KeptEntry[]>;
  /** What somebody did, and what was done to them: newest first. @param rows at most so many */
  about(personId: PersonId, rows: number): Promise<KeptEntry[]>;
}
