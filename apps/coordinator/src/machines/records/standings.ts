import type { MachineId } from "@darkbloom/protocol/ids";
import type { Standing } from "./standing.ts";

/** What is held against a machine beyond its connection and this process. What it shows of itself is judged anew instead. */
export interface Grievance {
  readonly machineId: MachineId;
  readonly why: "answer" | "challenge";
  /** Milliseconds since 1970; null: until the operator forgives it. */
  readonly untilAt: number | null;
  readonly sinceAt: number;
}

/** Where grievances are kept: one for each machine, durable when `put` has returned. */
export interface Standings {
  /** Oldest first. */
  list(): Promise<Grievance[]>;
  /** Takes the place of an earlier one. Above `GRIEVANCES_MAX` the oldest goes. */
  put(grievance: Grievance): Promise<void>;
  forgive(machineId: MachineId): Promise<void>;
}

/** Grievances that are kept. */
export const GRIEVANCES_MAX = 10_000;

export const isInForce = ({ untilAt }: Pick<Grievance, "untilAt">, now: number): boolean =>
  untilAt === null || now < untilAt;

/** Both clocks at one moment. */
export interface Now {
  /** Since 1970. */
  readonly at: number;
  readonly monotonicMs: number;
}

/** What of a standing outlasts this process; undefined: nothing. */
export function grievanceOf(machineId: MachineId, { distrust }: Standing, now: Now): Grievance | undefined {
  if (distrust?.why !== "answer" && distrust?.why !== "challenge") return undefined;
  const isForGood = distrust.untilMs === Number.POSITIVE_INFINITY;
  const untilAt = isForGood ? null : now.at + Math.ceil(distrust.untilMs - now.monotonicMs);
  return { machineId, why: distrust.why, untilAt, sinceAt: now.at };
}

/** The same in a process that has just learnt of it. */
export const distrustOf = ({ why, untilAt }: Grievance, now: Now): NonNullable<Standing["distrust"]> => ({
  why,
  untilMs: untilAt === null ? Number.POSITIVE_INFINITY : now.monotonicMs + untilAt - now.at,
});
