import type { AccountId, MachineId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";

/** Of what its owner calls a machine. */
export const MACHINE_NAME_CHARS_MAX = 128;
/** Machines of one account, those that have not shown their key yet among them. */
export const MACHINES_PER_ACCOUNT_MAX = 64;

/** A machine that somebody let in as theirs. */
export interface OwnedMachine {
  /** Derives from its identity key, to which its token is bound. */
  readonly machineId: MachineId;
  readonly account: AccountId;
  /** Its owner's own words. */
  readonly name: string;
  /** It serves its owner alone, and no public list has it. */
  readonly privateOnly: boolean;
  readonly approvedBy: PersonId;
  /** Of its token. What is kept in its place is its SHA-256. */
  readonly createdAt: number;
  readonly tokenHash: Sha256Hex;
  /**
   * When it first showed that it has the identity key; null: nobody knows yet whether whoever asked for the token has it, and so far
   * the machine is not owned. Of one machine, one account has this.
   */
  readonly provenAt: number | null;
  /** When its connection began or ended last; null where there was none. */
  readonly lastSeenAt: number | null;
}

/**
 * Where it is kept who owns which machine. An adapter passes `ownedMachinesContract`.
 *
 * - There is one row for an account and a machine: `put` writes it, in the place of the one that was there.
 * - No two rows have the same token.
 */
export interface OwnedMachines {
  /** Oldest first. */
  list(): Promise<OwnedMachine[]>;
  put(machine: OwnedMachine): Promise<void>;
  /** Of the row that is there with this token, what a machine shows by itself: when it showed its key, and when it was seen last. */
  show(machine: OwnedMachine): Promise<void>;
  remove(machine: Pick<OwnedMachine, "account" | "machineId">): Promise<void>;
}
