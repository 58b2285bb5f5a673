import type { AccountId, MachineId } from "@darkbloom/protocol/ids";
import type { Clock } from "@darkbloom/protocol/ports";
import { afterReconnect, freshStanding, isDistrusted, type Standing } from "./standing.ts";
import { distrustOf, grievanceOf, GRIEVANCES_MAX, isInForce, type Grievance, type Now } from "./standings.ts";
import { Conduct } from "./conduct.ts";
import { LearntSlots } from "./learnt-slots.ts";
import { expectedFirstContentMs, Pace, type Beginning, type MeasuredAnswer } from "./pace.ts";

/** Machines that are remembered; the one that was away longest is forgotten first. */
export const RECORDS_MAX = 10_000;

/** What is remembered of one machine. Its connection writes it. */
export interface MachineRecord {
  standing: Standing;
  /** Milliseconds since 1970: when it was last given a request, and last answered one well. */
  offeredAt: number | undefined;
  servedAt: number | undefined;
  readonly pace: Pace;
  readonly conduct: Conduct;
  readonly slots: LearntSlots;
}

export const newRecord = (): MachineRecord => ({
  standing: freshStanding,
  offeredAt: undefined,
  servedAt: undefined,
  pace: new Pace(),
  conduct: new Conduct(),
  slots: new LearntSlots(),
});

/**
 * What machines did, each under the id that derives from its identity key: a new connection washes nothing off, and loses
 * no measurement. Measurements last as long as this process; a grievance lasts as long as it says.
 */
export class MachineRecords {
  readonly #records = new Map<MachineId, MachineRecord>();
  readonly #grievances = new Map<MachineId, Grievance>();
  readonly #clock: Clock;
  readonly #keep: (grievance: Grievance) => void;

  /** @param grievances of earlier processes; @param keep is given each new one, which holds whether or not it can be kept */
  constructor(clock: Clock, grievances: Iterable<Grievance> = [], keep: (grievance: Grievance) => void = () => {}) {
    this.#clock = clock;
    this.#keep = keep;
    for (const grievance of grievances) this.#grievances.set(grievance.machineId, grievance);
  }

  /** For a new connection that has shown that it is this machine. */
  open(machineId: MachineId): MachineRecord {
    const record = this.#records.get(machineId) ?? this.#newRecord(machineId);
    record.standing = afterReconnect(record.standing);
    putLast(this.#records, machineId, record, RECORDS_MAX);
    return record;
  }

  /** What is remembered of it, connected or not. */
  find(machineId: MachineId): Pick<MachineRecord, "offeredAt" | "servedAt" | "standing"> | undefined {
    return this.#records.get(machineId);
  }

  /** A machine that has shown who it is stands so from now on. */
  judged(machineId: MachineId, standing: Standing): void {
    const now = this.#now;
    const grievance = grievanceOf(machineId, standing, now);
    if (!grievance || !isDistrusted(standing, now.monotonicMs)) return;
    const known = this.#grievances.get(machineId);
    if (known?.why === grievance.why && isInForce(known, now.at)) return;
    putLast(this.#grievances, machineId, grievance, GRIEVANCES_MAX);
    this.#keep(grievance);
  }

  /** Another coordinator holds something against it. @returns whether that is news */
  heard(grievance: Grievance): boolean {
    const { machineId } = grievance;
    const now = this.#now;
    const known = this.#grievances.get(machineId);
    const isKnown = known?.untilAt === grievance.untilAt && known.sinceAt === grievance.sinceAt;
    if (isKnown || !isInForce(grievance, now.at)) return false;
    putLast(this.#grievances, machineId, grievance, GRIEVANCES_MAX);
    const record = this.#records.get(machineId);
    if (!record || isDistrusted(record.standing, now.monotonicMs)) return false;
    record.standing = { ...record.standing, distrust: distrustOf(grievance, now) };
    return true;
  }

  /** Nothing is held against it any longer. */
  forgive(machineId: MachineId): void {
    this.#grievances.delete(machineId);
    const record = this.#records.get(machineId);
    if (record) record.standing = freshStanding;
  }

  #newRecord(machineId: MachineId): MachineRecord {
    const grievance = this.#grievances.get(machineId);
    const record = newRecord();
    return grievance && isInForce(grievance, this.#now.at)
      ? { ...record, standing: { ...freshStanding, distrust: distrustOf(grievance, this.#now) } }
      : record;
  }

  get #now(): Now {
    return { at: this.#clock.now(), monotonicMs: this.#clock.monotonicMs() };
  }
}

/** As the newest of a bounded map, from which the oldest go. */
function putLast<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, max: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= max) break;
    map.delete(oldest);
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
  record: MachineRecord,
  besideAtStart: number,
  session: { running(): number; changed(): void; ejected(): void },
) {
  const { pace, conduct, slots } = record;
  const told = (isEjected: boolean) => {
    if (isEjected) slots.unlearn();
    session.changed();
    if (isEjected) session.ejected();
  };
  const faulted = () => told(conduct.faulted(clock.monotonicMs()));
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
      record.servedAt = clock.now();
      slots.finished();
      session.changed();
    },
    faulted,
    declined: (account: AccountId) => told(conduct.declined(account, clock.monotonicMs())),
    wasBusy: () => {
      slots.wasBusyBeside(besideAtStart, clock.monotonicMs());
      faulted();
    },
  };
}
