import type { Clock } from "@darkbloom/protocol/ports";
import { afterReconnect, freshStanding, type Standing } from "./standing.ts";
import { Conduct } from "./conduct.ts";
import { LearntSlots } from "./learnt-slots.ts";
import { expectedFirstContentMs, Pace, type Beginning, type MeasuredAnswer } from "./pace.ts";

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

/** What routing knows of a machine by its record. */
export function routedBy({ pace, conduct, slots }: MachineRecord, claimedSlots: number) {
  const learnt = slots.of(claimedSlots);
  return { slots: conduct.figures.isProbed ? 1 : learnt, pace: pace.figures, conduct: conduct.figures };
}

/** Keeps what one attempt showed of a machine, for routing. */
export function conductOf(
  clock: Clock,
  { pace, conduct, slots }: MachineRecord,
  besideAtStart: number,
  session: { running(): number; changed(): void; ejected(): void },
) {
  const faulted = () => {
    const isEjected = conduct.faulted(clock.monotonicMs());
    session.changed();
    if (isEjected) session.ejected();
  };
  return {
    began: (beginning: Beginning) => {
      const nowMs = clock.monotonicMs();
      const { firstContentMs, promptBytes } = beginning;
      const expectedMs = expectedFirstContentMs(pace.figures, promptBytes);
      const isInTime = slots.began({ firstContentMs, expectedMs, besideAtStart, runningNow: session.running() }, nowMs);
      // What company does to it is the slots' matter: it would make the next one look in time.
      if (isInTime || besideAtStart === 0) pace.began(beginning, nowMs);
      session.changed();
    },
    measured: (answer?: MeasuredAnswer) => {
      if (answer) pace.answered(answer);
      conduct.answered(clock.monotonicMs());
      session.changed();
    },
    faulted,
    wasBusy: () => {
      slots.wasBusyBeside(besideAtStart, clock.monotonicMs());
      faulted();
    },
  };
}
