import type { BuildId, ModelId, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd, type Price } from "@darkbloom/protocol/money";
import type { CatalogEntry } from "./catalog.ts";

/** What a model costs until the operator says otherwise: 0.05 USD in, 0.20 USD out, half of the input for cached tokens. */
export const DEFAULT_PRICE: Price = {
  inputPerMtok: microUsd(50_000n),
  outputPerMtok: microUsd(200_000n),
  cachedInputPerMtok: microUsd(25_000n),
};

/** The same of a model that only embeds, which writes nothing: 0.01 USD in. */
export const DEFAULT_EMBED_PRICE: Price = {
  inputPerMtok: microUsd(10_000n),
  outputPerMtok: microUsd(0n),
  cachedInputPerMtok: microUsd(10_000n),
};

/** The model that comes with the program; a new catalog holds it. Its weights are `models/darkbloom-tiny.gguf`. */
export const bundledEntry: CatalogEntry = {
  id: "darkbloom-tiny" as ModelId,
  build: "darkbloom-tiny-q8_0" as BuildId,
  weightsSha256: "66c30d00c7a5aa9dd8613cf2760c43da0dd96bfb70fa05a98a15c511808f1090" as Sha256Hex,
  displayName: "Darkbloom Tiny",
  contextTokens: 2048,
  maxOutputTokens: 2048,
  price: DEFAULT_PRICE,
  createdSec: 1_767_225_600,
};
