import type { TrustLevel } from "@darkbloom/protocol/evidence";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { ProviderId, Serial } from "@darkbloom/protocol/ids";
import { tasksOf, writesText } from "../catalog/catalog.ts";
import type { Ask } from "../inference/ask.ts";
import { eligibleFor, hasFreeSlot, plainWant, type Want } from "../machines/eligibility.ts";
import type { MachineView } from "../machines/ports.ts";
import { spelledAttestations } from "./attestation.ts";
import type { HttpDeps } from "./deps.ts";

/** Machines that are told of at once as ones to seal to: four times as many as one request can name. */
const CANDIDATES_TOLD_MAX = 16;
/** The same to who names no machine that is connected. */
export const CANDIDATES_TOLD_STRANGER_MAX = 4;

type Deps = Pick<HttpDeps, "catalog" | "clock" | "fleet" | "random" | "serials" | "settings">;

/** What somebody wants who asks to whom a request may be sealed. @throws NetworkError `model_not_found` */
export function wantFrom(
  { catalog, serials, settings }: Deps,
  model: string,
  minTrust: TrustLevel = settings.minTrustDefault,
  pins: string | readonly string[] = [],
): Want {
  const entry = catalog.find(model);
  if (!entry) throw new NetworkError({ code: "model_not_found", knownModels: catalog.entries.length });
  return { ...plainWant(entry, minTrust), pins: [pins].flat().map((pin) => serials.ofPin(pin as Serial)) };
}

/** What a sealed request wants, whoever it is sealed to. Undefined where its model is another by now. */
export function wantOf({ catalog }: Deps, { terms }: Ask): Want | undefined {
  const entry = catalog.find(terms.model);
  if (!entry) return undefined;
  const { account, route, task, pins, minTrust } = terms;
  return { ...plainWant(entry, minTrust, account), route, task, pins };
}

/** The machines that may serve this now, as JSON, with what the clear fields of a request name. In chance order, so that not everybody seals to the same. */
export function candidatesText(
  { fleet, clock, random }: Deps,
  want: Want,
  passedOver: ReadonlySet<ProviderId> = new Set(),
  toldMax = CANDIDATES_TOLD_MAX,
): string {
  const { entry } = want;
  const { machines } = eligibleFor(want, fleet.machinesFor(entry.build), clock.monotonicMs(), passedOver);
  const rank = (machine: MachineView): number => Number(!hasFreeSlot(machine)) + random.fraction();
  const told = machines
    .map((machine) => ({ machine, rank: rank(machine) }))
    .toSorted((one, other) => one.rank - other.rank)
    .slice(0, toldMax);
  const places = new Map(told.map(({ machine }, place) => [machine.providerId, place]));
  const shown = fleet
    .published()
    .filter(({ machine }) => places.has(machine.providerId))
    .toSorted((one, other) => placeOf(places, one.machine) - placeOf(places, other.machine));
  const model = {
    id: entry.id,
    build: entry.build,
    weights_sha256: entry.weightsSha256,
    context_length: entry.contextTokens,
    max_output_length: writesText(tasksOf(entry)) ? entry.maxOutputTokens : 0,
  };
  return `{"model":${JSON.stringify(model)},"providers":[${spelledAttestations(shown, clock.now())}]}`;
}

const placeOf = (places: ReadonlyMap<string, number>, { providerId }: MachineView): number =>
  places.get(providerId) ?? places.size;
