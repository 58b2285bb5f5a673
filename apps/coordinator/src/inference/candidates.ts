import { NetworkError } from "@darkbloom/protocol/failures";
import type { ProviderId } from "@darkbloom/protocol/ids";
import { eligibleFor, hasFreeSlot, type Want } from "../machines/eligibility.ts";
import type { MachineView } from "../machines/ports.ts";

/**
 * A sealed request is served by the machines that it names, or by none. Where all of them are shut out or full while others are not,
 * its caller is told at once, who may seal it to those.
 *
 * @throws NetworkError `no_candidate`
 */
export function refuseWhereOthersCould(
  want: Want,
  machines: () => Iterable<MachineView>,
  nowMs: number,
  tried: ReadonlySet<ProviderId>,
): void {
  if (!want.candidates) return;
  const named = eligibleFor(want, machines(), nowMs, tried).machines;
  if (named.some(hasFreeSlot)) return;
  const { candidates: _, ...unnamed } = want;
  const others = eligibleFor(unnamed, machines(), nowMs, tried).machines;
  const better = named.length === 0 ? others : others.filter(hasFreeSlot);
  if (better.length > 0) throw new NetworkError({ code: "no_candidate", model: want.entry.id, others: better.length });
}
