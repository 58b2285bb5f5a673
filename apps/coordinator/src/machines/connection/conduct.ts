import type { Clock } from "@darkbloom/protocol/ports";
import { expectedFirstContentMs } from "../records/pace.ts";
import type { MachineRecord } from "../records/records.ts";
import type { MachineView, Line } from "../ports.ts";

/** What routing knows of a machine by its record. */
export function routedBy(
  { pace, conduct, slots }: MachineRecord,
  claimedSlots: number,
): Pick<MachineView, "slots" | "pace" | "conduct"> {
  const learnt = slots.of(claimedSlots);
  return { slots: conduct.figures.isProbed ? 1 : learnt, pace: pace.figures, conduct: conduct.figures };
}

/** Keeps what one attempt showed of a machine, for routing. */
export function conductOf(
  clock: Clock,
  { pace, conduct, slots }: MachineRecord,
  besideAtStart: number,
  session: { running(): number; changed(): void; ejected(): void },
): Pick<Line, "began" | "measured" | "faulted" | "wasBusy"> {
  const faulted = () => {
    const isEjected = conduct.faulted(clock.monotonicMs());
    session.changed();
    if (isEjected) session.ejected();
  };
  return {
    began: (beginning) => {
      const nowMs = clock.monotonicMs();
      const { firstContentMs, promptBytes } = beginning;
      const expectedMs = expectedFirstContentMs(pace.figures, promptBytes);
      const isInTime = slots.began({ firstContentMs, expectedMs, besideAtStart, runningNow: session.running() }, nowMs);
      // What company does to it is the slots' matter: it would make the next one look in time.
      if (isInTime || besideAtStart === 0) pace.began(beginning, nowMs);
      session.changed();
    },
    measured: (answer) => {
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
