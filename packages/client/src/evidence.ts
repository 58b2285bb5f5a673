import type { Coordinator } from "./coordinator.ts";
import { MODELS_KNOWN_MAX } from "./limits.ts";
import type { LogWatch } from "./log-watch.ts";
import { MachineList } from "./machine-list.ts";
import type { Rules } from "./policy.ts";
import type { Ports } from "./ports.ts";

/** The machines of a network: all of them, and those that may serve a model now. */
export class Evidence {
  readonly all: MachineList;
  readonly #listOf: (model?: string) => MachineList;
  /** By the model's name; the one that was asked for longest ago goes first. */
  readonly #models = new Map<string, MachineList>();

  constructor(ports: Ports, coordinator: Coordinator, rules: Rules, log: LogWatch | undefined) {
    this.#listOf = (model) =>
      new MachineList({
        ports,
        rules,
        log,
        ask: () => coordinator.attestations(model),
        secondsAhead: () => coordinator.secondsAhead,
      });
    this.all = this.#listOf();
  }

  /** Those to whom a request for this model may be sealed. */
  of(model: string): MachineList {
    const list = this.#models.get(model) ?? this.#listOf(model);
    this.#models.delete(model);
    this.#models.set(model, list);
    for (const oldest of this.#models.keys()) {
      if (this.#models.size <= MODELS_KNOWN_MAX) break;
      this.#models.delete(oldest);
    }
    return list;
  }
}
