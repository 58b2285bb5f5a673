import type { CoordinatorId, ProviderId } from "@darkbloom/protocol/ids";
import type { Clock } from "@darkbloom/protocol/ports";
import { hasFreeSlot } from "../machines/eligibility.ts";
import type { MachineView } from "../machines/ports.ts";
import type { Turns } from "../machines/slots.ts";

/** A slot that has become free is kept for so long for whoever has waited longest, where that is at another coordinator: for the word of it, and the way back. */
export const TURN_MS = 150;
/** Who has waited no longer than this before another counts as no older. */
const OLDER_MS_MIN = 500;
/** Machines of which that is known; of more, the one that was seen so longest ago is forgotten. */
export const FREED_REMEMBERED_MAX = 10_000;

/**
 * Whose turn it is at the machines of this coordinator. Those who wait here hear of a free slot at once, those at other coordinators later:
 * without this they would wait for as long as anybody waits here. What they wait for is told with each beat, so that short waits cost nobody anything.
 */
export class SlotTurns implements Turns {
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** Of each coordinator: since when somebody waits there for which machine. */
  readonly #waits = new Map<CoordinatorId, ReadonlyMap<ProviderId, number>>();
  /** When a machine was last seen with a slot that may just have become free. */
  readonly #freedAtMs = new Map<ProviderId, number>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  saw(machine: MachineView): void {
    const { providerId } = machine;
    const nowMs = this.#clock.monotonicMs();
    if (!hasFreeSlot(machine) || nowMs < (this.#freedAtMs.get(providerId) ?? Number.NEGATIVE_INFINITY) + TURN_MS)
      return;
    this.#freedAtMs.delete(providerId);
    this.#freedAtMs.set(providerId, nowMs);
    for (const oldest of this.#freedAtMs.keys()) {
      if (this.#freedAtMs.size <= FREED_REMEMBERED_MAX) break;
      this.#freedAtMs.delete(oldest);
    }
  }

  heldUntilMs({ providerId }: MachineView, sinceMs: number, by?: CoordinatorId): number | undefined {
    const untilMs = (this.#freedAtMs.get(providerId) ?? Number.NEGATIVE_INFINITY) + TURN_MS;
    if (this.#clock.monotonicMs() >= untilMs) return undefined;
    for (const [id, waits] of this.#waits)
      if (id !== by && (waits.get(providerId) ?? Number.POSITIVE_INFINITY) < sinceMs - OLDER_MS_MIN) return untilMs;
    return undefined;
  }

  /** Since when somebody waits there for this machine; now, where nobody was told of. */
  waitsSinceMs(id: CoordinatorId, providerId: ProviderId): number {
    return this.#waits.get(id)?.get(providerId) ?? this.#clock.monotonicMs();
  }

  /** For which machines somebody waits there, and for how long. */
  told(id: CoordinatorId, waits: readonly (readonly [ProviderId, number])[]): void {
    const nowMs = this.#clock.monotonicMs();
    this.#waits.set(id, new Map(waits.map(([providerId, waitedMs]) => [providerId, nowMs - waitedMs])));
  }

  forget(id: CoordinatorId): void {
    this.#waits.delete(id);
  }
}
