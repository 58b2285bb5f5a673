import { atLeast, checks, type Check, type TrustLevel } from "@darkbloom/protocol";
import type { Catalog } from "../catalog/catalog.ts";
import type { Candidate } from "../routing/choose.ts";

/** What this coordinator's operator asks of every machine. */
export interface Floor {
  readonly minTrust: TrustLevel;
  readonly catalog: Catalog;
}

/**
 * Why no request may reach a machine whose evidence is as good as it gets: its owner would see a machine that
 * waits for nothing.
 */
export const servingChecks = (machine: Pick<Candidate, "trustLevel" | "models">, floor: Floor): Check[] => [
  checks.either(
    "serving.trust",
    atLeast(machine.trustLevel, floor.minTrust),
    `${machine.trustLevel}; this coordinator needs ${floor.minTrust}`,
    `${machine.trustLevel}, and this coordinator needs ${floor.minTrust}`,
    "'darkbloom provider status' lists what does not pass; docs/hardware.md says how a machine gets to hardware.",
  ),
  modelsCheck(machine, floor),
];

function modelsCheck({ models }: Pick<Candidate, "models">, { catalog }: Floor): Check {
  const id = "serving.models";
  const sold = catalog.entries.filter(({ build }) => models.some((model) => model.build === build));
  const right = sold.filter((entry) => models.some((model) => isFor(entry, model)));
  const known = `${right.length} of the ${catalog.entries.length} in the coordinator's catalog`;
  if (right.length > 0) return checks.pass(id, known);
  if (models.length === 0) return checks.fail(id, "no model is loaded", "Start the provider with --model.");
  return sold.length === 0
    ? checks.fail(
        id,
        "the coordinator's catalog has no such build",
        "Ask the operator to add it: 'darkbloom provider models' prints its name and hash.",
      )
    : checks.fail(
        id,
        "the catalog has other weights, or a longer context, under this build's name",
        "Get the file that the operator means: 'darkbloom provider models' prints the hash of yours.",
      );
}

const isFor = (
  entry: Catalog["entries"][number],
  { build, weightsSha256, contextTokens }: Candidate["models"][number],
): boolean => build === entry.build && weightsSha256 === entry.weightsSha256 && contextTokens >= entry.contextTokens;
