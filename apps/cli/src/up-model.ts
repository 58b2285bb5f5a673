import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { openStore } from "@darkbloom/coordinator/adapters/open-store";
import { DEFAULT_EMBED_PRICE, DEFAULT_PRICE } from "@darkbloom/coordinator/catalog/bundled";
import type { CatalogEntry } from "@darkbloom/coordinator/catalog/catalog";
import { modelTasks, type ModelTask } from "@darkbloom/protocol/dialects";
import type { BuildId, ModelId, Sha256Hex } from "@darkbloom/protocol/ids";
import { systemClock } from "@darkbloom/protocol/node";
import { BINARY } from "./child.ts";
import { CommandFailed } from "./failure.ts";
import type { LocatedModel } from "./model.ts";

/** A folder, and the URL of the PostgreSQL database that belongs to it, where one does. */
interface CoordinatorData {
  readonly path: string;
  readonly database: string | undefined;
}

/**
 * Puts a model file into the catalog of a coordinator that does not run yet. A model that the catalog
 * has keeps its price and its words; hash and context follow the file.
 *
 * @throws CommandFailed where the file is not a model that this machine can load; the reason is on stderr by then
 */
export async function addToCatalog(
  model: LocatedModel,
  context: number | undefined,
  coordinator: CoordinatorData,
): Promise<CatalogEntry> {
  const facts = await factsOf(model, context);
  const { tasks, dimensions } = facts;
  const { path, database } = coordinator;
  const options = { clock: systemClock, database, onSweepError: () => undefined };
  const known = await knownEntry(path, options, model.id);
  const { tasks: _tasks, embedding, ...kept } = known ?? {};
  const entry: CatalogEntry = {
    displayName: model.id,
    price: tasks.some((task) => task !== "embed") ? DEFAULT_PRICE : DEFAULT_EMBED_PRICE,
    createdSec: Math.floor(systemClock.now() / 1000),
    ...kept,
    tasks,
    ...(dimensions !== undefined && {
      embedding: { dimensions, shortenedTo: embedding?.dimensions === dimensions ? embedding.shortenedTo : [] },
    }),
    id: model.id as ModelId,
    build: model.build as BuildId,
    weightsSha256: facts.weightsSha256 as Sha256Hex,
    contextTokens: facts.contextTokens,
    maxOutputTokens: facts.contextTokens,
  };
  await using _store = await openStore(path, { ...options, models: [entry] });
  return entry;
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
async function factsOf(model: LocatedModel, context: number | undefined): Promise<Facts> {
  const wanted = context === undefined ? [] : ["--context", String(context)];
  const flags = ["--model", model.path, ...wanted, "--json"];
  const child = spawn(process.execPath, [BINARY, "provider", "models", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const answer = factsIn(await text(child.stdout));
  if (!answer) throw new CommandFailed(`${model.path} cannot be served by this machine.`);
  return answer;
}

/** What `provider models --json` says. */
interface Facts {
  readonly weightsSha256: string;
  readonly contextTokens: number;
  readonly tasks: readonly ModelTask[];
  /** Of a model that embeds. */
  readonly dimensions: number | undefined;
}

function factsIn(line: string): Facts | undefined {
  try {
    const facts: unknown = JSON.parse(line);
    if (typeof facts !== "object" || facts === null) return undefined;
    const {
      weights_sha256: weightsSha256,
      context_tokens: contextTokens,
      tasks,
      dimensions,
    } = facts as Readonly<Record<string, unknown>>;
    if (typeof weightsSha256 !== "string" || typeof contextTokens !== "number" || !Array.isArray(tasks))
      return undefined;
    return {
      weightsSha256,
      contextTokens,
      tasks: modelTasks.filter((task) => tasks.includes(task)),
      dimensions: typeof dimensions === "number" ? dimensions : undefined,
    };
  } catch {
    // It ended without an answer.
    return undefined;
  }
}
