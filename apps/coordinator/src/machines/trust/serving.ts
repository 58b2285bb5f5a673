import { atLeast, checks, type Check, type TrustLevel } from "@darkbloom/protocol/evidence";
import type { Gate } from "@darkbloom/protocol/failures";
import type { Catalog, CatalogEntry } from "../../catalog/catalog.ts";
import { gateOf, isShutBy, plainWant } from "../eligibility.ts";
import type { MachineView } from "../ports.ts";

/** What this coordinator's operator asks of every machine. */
export interface Floor {
  readonly minTrust: TrustLevel;
  readonly catalog: Catalog;
}

/** Whether a request that asks for nothing special may reach this machine, for any model of the catalog: one of its owner's, where it serves nobody else. */
export const mayServe = (machine: MachineView, floor: Floor, nowMs: number): boolean =>
  blockedBy(machine, floor, nowMs) === undefined;

/** What keeps those requests away: of the models that it serves, the first gate of the first; undefined where one may come. */
export function blockedBy(machine: MachineView, { minTrust, catalog }: Floor, nowMs: number): Gate | undefined {
  let first: Gate | undefined;
  for (const entry of catalog.entries) {
    const gate = gateOf(plainWant(entry, minTrust, machine.owner), machine, nowMs);
    if (gate === undefined) return undefined;
    if (first === undefined || first === "model_not_served") first = gate;
  }
  return first ?? "model_not_served";
}

/**
 * Why no request may reach a machine whose evidence is as good as it gets: its owner would see a machine that
 * waits for nothing.
 */
export const servingChecks = (machine: MachineView, floor: Floor, nowMs: number): Check[] => [
  checks.either(
    "serving.trust",
    atLeast(machine.verdict.level, floor.minTrust),
    `${machine.verdict.level}; this coordinator needs ${floor.minTrust}`,
    `${machine.verdict.level}, and this coordinator needs ${floor.minTrust}`,
    "'darkbloom provider status' lists what does not pass; docs/hardware.md says how a machine gets to hardware.",
  ),
  modelsCheck(machine, floor, nowMs),
  faultsCheck(machine, nowMs),
  ...approvalChecks(machine),
];

/** Nothing where it may serve: most coordinators ask for no approval, and an owner need not know of it. */
function approvalChecks({ approval, machineId }: MachineView): Check[] {
  const id = "serving.approval";
  if (approval === "awaited")
    return [
      checks.fail(
        id,
        "this coordinator's operator has not approved this machine yet",
        `Ask the operator to run 'darkbloom machines approve ${machineId}'.`,
      ),
    ];
  if (approval === "refused")
    return [
      checks.fail(
        id,
        "this coordinator's operator has refused this machine",
        `Ask the operator why; 'darkbloom machines approve ${machineId}' takes it back.`,
      ),
    ];
  return [];
}

function faultsCheck({ conduct: { ejectedUntilMs, isProbed } }: MachineView, nowMs: number): Check {
  const id = "serving.faults";
  if (nowMs < ejectedUntilMs)
    return checks.fail(
      id,
      "too many of its answers failed",
      `Look for the cause in its log. It serves again in ${Math.ceil((ejectedUntilMs - nowMs) / 1000)} s, one request at a time at first; until then only what no other machine can.`,
    );
  return checks.pass(id, isProbed ? "one request at a time, until some went well" : "it fails seldom enough");
}

function modelsCheck(machine: MachineView, floor: Floor, nowMs: number): Check {
  const id = "serving.models";
  const { entries } = floor.catalog;
  const right = entries.filter(
    (entry) =>
      !isShut("model_not_served", entry, machine, floor, nowMs) &&
      !isShut("context_too_small", entry, machine, floor, nowMs),
  );
  const known = `${right.length} of the ${entries.length} in the coordinator's catalog`;
  if (right.length > 0) return checks.pass(id, known);
  if (machine.models.length === 0) return checks.fail(id, "no model is loaded", "Start the provider with --model.");
  if (!entries.some((entry) => machine.models.some(({ build }) => build === entry.build)))
    return checks.fail(
      id,
      "the coordinator's catalog has no such build",
      "Ask the operator to add it: 'darkbloom provider models' prints its name and hash.",
    );
  return entries.some((entry) => !isShut("model_not_served", entry, machine, floor, nowMs))
    ? checks.fail(
        id,
        "the catalog promises a longer context than this machine offers",
        "Start the provider with --context as large as the catalog's context_tokens, or ask the operator to lower that.",
      )
    : checks.fail(
        id,
        "the catalog has other weights under this build's name",
        "Get the file that the operator means: 'darkbloom provider models' prints the hash of yours.",
      );
}

const isShut = (gate: Gate, entry: CatalogEntry, machine: MachineView, { minTrust }: Floor, nowMs: number): boolean =>
  isShutBy(gate, plainWant(entry, minTrust, machine.owner), machine, nowMs);
