import type { BuildId, ModelId, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { asking, type Asking } from "../../../packages/testkit/src/network.ts";
import type { CatalogEntry } from "../src/catalog/catalog.ts";
import type { Ask } from "../src/inference/ask.ts";
import { idle } from "../src/machines/members.samples.ts";
import type { MachineView } from "../src/machines/ports.ts";

/** Prices of one and two micro-USD a token, so that a charge can be read. */
export const entry: CatalogEntry = {
  id: "org/tiny" as ModelId,
  build: "tiny-q8" as BuildId,
  weightsSha256: "a".repeat(64) as Sha256Hex,
  displayName: "Tiny",
  contextTokens: 2000,
  maxOutputTokens: 1000,
  price: {
    inputPerMtok: microUsd(1_000_000n),
    outputPerMtok: microUsd(2_000_000n),
    cachedInputPerMtok: microUsd(500_000n),
  },
  createdSec: 0,
};

/** A chat request as the edge hands it on; `more` are fields of its body. */
export const askFor = (more: Readonly<Record<string, unknown>>, rest: Asking = {}): Ask =>
  asking({ model: entry.id, messages: [{ role: "user", content: "What is rain?" }], ...more }, rest);

/** A machine that serves `entry`, as the fleet shows it. */
export const providerView: MachineView = {
  ...idle,
  chipName: "fake",
  hardwareModel: "fake",
  engine: { name: "fake", version: "1" },
  models: [{ build: entry.build, weightsSha256: entry.weightsSha256, contextTokens: entry.contextTokens }],
  slots: 1,
};
