import type { CoordinatorId, MachineId } from "@darkbloom/protocol/ids";
import type { Clock } from "@darkbloom/protocol/ports";
import type { Fleet } from "../machines/fleet.ts";
import type { MachineRecords } from "../machines/records/records.ts";
import type { Approvals, Decided } from "../machines/trust/approvals.ts";
import type { DecisionWords } from "./words.ts";

/** What was decided is told with every beat for so long, since any of them may be lost. */
export const DECISION_TOLD_MS = 10_000;
/** Decisions that are told with one beat; of more, the oldest are told no longer. */
export const DECISIONS_TOLD_MAX = 256;

/** That a machine may serve or may not, or that nothing is held against it any more. */
export interface DecisionMade {
  readonly machineId: MachineId;
  readonly what: Decided | "forgiven";
}

export interface DecisionsNet {
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly records: MachineRecords;
  readonly approvals: Pick<Approvals, "decided">;
}

/** What operators decide on machines, wherever they say it: each coordinator acts on it for the machines that it hosts. */
export class Decisions {
  readonly #net: DecisionsNet;
  #made: { readonly words: DecisionWords; readonly untilMs: number }[] = [];
  #number = 0;
  /** The last of each coordinator: a decision counts once, or one of somebody else in between would be undone. */
  readonly #heard = new Map<CoordinatorId, number>();

  constructor(net: DecisionsNet) {
    this.#net = net;
  }

  /** By this coordinator's operator; it has acted on it already. */
  made({ machineId, what }: DecisionMade): void {
    const untilMs = this.#net.clock.monotonicMs() + DECISION_TOLD_MS;
    this.#made.push({ words: { number: ++this.#number, machineId, what }, untilMs });
  }

  /** What is still to be told, in its order. */
  recent(): DecisionWords[] {
    const nowMs = this.#net.clock.monotonicMs();
    this.#made = this.#made.filter(({ untilMs }) => untilMs > nowMs).slice(-DECISIONS_TOLD_MAX);
    return this.#made.map(({ words }) => words);
  }

  heard(from: CoordinatorId, decisions: readonly DecisionWords[]): void {
    const { approvals, records, fleet } = this.#net;

    for (const { number, machineId, what } of decisions) {
      if (number <= (this.#heard.get(from) ?? 0)) continue;
      this.#heard.set(from, number);
      if (what === "forgiven") records.forgive(machineId);
      else approvals.decided({ machineId, state: what });
      fleet.decidedOn(machineId);
    }
  }

  forget(from: CoordinatorId): void {
    this.#heard.delete(from);
  }
}
