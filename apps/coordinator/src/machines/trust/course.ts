import type { Gate } from "@darkbloom/protocol/failures";
import type { Clock } from "@darkbloom/protocol/ports";
import type { MachineCourse, MachineView } from "../ports.ts";
import { blockedBy, type Floor } from "./serving.ts";

/** What keeps one connection's machine from being asked, and since when. */
export class Course {
  readonly #net: { readonly clock: Clock; readonly floor: Floor };
  #gate: Gate | undefined;
  #since: number;

  constructor(net: { readonly clock: Clock; readonly floor: Floor }) {
    this.#net = net;
    this.#since = net.clock.now();
  }

  /** Each time that something may have changed, and whenever somebody asks. */
  look(machine: MachineView): MachineCourse {
    const { clock, floor } = this.#net;
    const gate = blockedBy(machine, floor, clock.monotonicMs());
    if (gate !== this.#gate) {
      this.#gate = gate;
      this.#since = clock.now() - (gate === "challenge_stale" ? this.#staleForMs(machine) : 0);
    }
    return { gate, since: this.#since };
  }

  /** By time alone, which nobody was told of. */
  #staleForMs({ attestedUntilMs }: MachineView): number {
    return Number.isFinite(attestedUntilMs) ? Math.max(0, this.#net.clock.monotonicMs() - attestedUntilMs) : 0;
  }
}
