import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { DEFAULT_PRICE, openStore, type CatalogEntry } from "@darkbloom/coordinator";
import type { BuildId, ModelId, Sha256Hex } from "@darkbloom/protocol";
import { systemClock } from "@darkbloom/protocol/node";
import { BINARY } from "./child.ts";
import { CommandFailed } from "./failure.ts";
import type { LocatedModel } from "./model.ts";

/**
 * Puts a model file into the catalog of a coordinator that does not run yet. A model that the catalog
 * has keeps its price and its words; hash and context follow the file.
 *
 * @throws CommandFailed where the file is not a model that this machine can load; the reason is on stderr by then
 */
export async function addToCatalog(model: LocatedModel, context: number, coordinatorData: string): Promise<void> {
  const facts = await factsOf(model, context);
  const options = { clock: systemClock, onSweepError: () => undefined };
  const known = await knownEntry(coordinatorData, options, model.id);
  const entry: CatalogEntry = {
    displayName: model.id,
    price: DEFAULT_PRICE,
    createdSec: Math.floor(systemClock.now() / 1000),
    ...known,
    id: model.id as ModelId,
    build: model.build as BuildId,
    weightsSha256: facts.weightsSha256 as Sha256Hex,
    contextTokens: facts.contextTokens,
    maxOutputTokens: facts.contextTokens,
  };
  await using _store = await openStore(coordinatorData, { ...options, models: [entry] });
}

async function knownEntry(
  coordinatorData: string,
  options: Parameters<typeof openStore>[1],
  id: string,
): Promise<CatalogEntry | undefined> {
  await using store = await openStore(coordinatorData, options);
  return store.catalog.find(id);
}

/** Asks a process of its own, whose memory goes when it ends: the model is loaded to learn what it can do. */
async function factsOf(
  model: LocatedModel,
  context: number,
): Promise<{ weightsSha256: string; contextTokens: number }> {
  const flags = ["--model", model.path, "--context", String(context), "--json"];
  const child = spawn(process.execPath, [BINARY, "provider", "models", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const answer = factsIn(await text(child.stdout));
  if (!answer) throw new CommandFailed(`${model.path} cannot be served by this machine.`);
  return answer;
}

function factsIn(line: string): { weightsSha256: string; contextTokens: number } | undefined {
  try {
    const facts: unknown = JSON.parse(line);
    if (typeof facts !== "object" || facts === null) return undefined;
    const { weights_sha256: weightsSha256, context_tokens: contextTokens } = facts as Readonly<Record<string, unknown>>;
    return typeof weightsSha256 === "string" && typeof contextTokens === "number"
      ? { weightsSha256, contextTokens }
      : undefined;
  } catch {
    // It ended without an answer.
    return undefined;
  }
}
