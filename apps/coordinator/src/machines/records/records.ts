import { afterReconnect, freshStanding, type Standing } from "./standing.ts";
import { Conduct } from "./conduct.ts";
import { LearntSlots } from "./learnt-slots.ts";
import { Pace } from "./pace.ts";

/** Machines that are remembered; the one that was away longest is forgotten first. */
export const RECORDS_MAX = 10_000;

/** What is remembered of one machine. Its connection writes it. */
export interface MachineRecord {
  standing: Standing;
  readonly pace: Pace;
  readonly conduct: Conduct;
  readonly slots: LearntSlots;
}

export const newRecord = (): MachineRecord => ({
  standing: freshStanding,
  pace: new Pace(),
  conduct: new Conduct(),
  slots: new LearntSlots(),
});

/**
 * What machines did, under their identity keys: a new connection washes nothing off, and loses no measurement.
 * It lasts as long as this process.
 */
export class MachineRecords {
  readonly #records = new Map<string, MachineRecord>();

  /** For a new connection that has shown that it is the machine with this identity key. */
  open(identityKey: string): MachineRecord {
    const known = this.#records.get(identityKey);
    const record = known ?? newRecord();
    record.standing = afterReconnect(record.standing);
    this.#records.delete(identityKey);
    this.#records.set(identityKey, record);
    for (const oldest of this.#records.keys()) {
      if (this.#records.size <= RECORDS_MAX) break;
      this.#records.delete(oldest);
    }
    return record;
  }
}
