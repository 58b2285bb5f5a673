import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import { dialects } from "@darkbloom/protocol/dialects";
import type { AccountId, BuildId, KeyId, ModelId, RequestId, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { nodeCrypto } from "@darkbloom/protocol/node";
import type { CatalogEntry } from "../src/catalog/catalog.ts";
import { Budget } from "../src/limits/budget.ts";
import { idle } from "../src/machines/members.samples.ts";
import type { MachineView } from "../src/machines/ports.ts";
import type { Ask } from "../src/inference/ask.ts";

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
export function askFor(more: Readonly<Record<string, unknown>>, rest: Partial<Ask> = {}): Ask {
  const said = { model: entry.id, messages: [{ role: "user", content: "What is rain?" }], ...more };
  const body = utf8(JSON.stringify(said));
  const dialect = dialects["/v1/chat/completions"];
  return {
    requestId: "req_1" as RequestId,
    account: "acct_test" as AccountId,
    keyId: "key_1" as KeyId,
    dialect,
    job: dialect.decode(said).job,
    body,
    bodySha256: toHex(nodeCrypto.sha256(body)) as Sha256Hex,
    minTrust: "self_signed",
    pins: [],
    held: new Budget(1e9).share("acct_test"),
    hangUp: new AbortController().signal,
    shutdown: new AbortController().signal,
    ...rest,
  };
}

/** A machine that serves `entry`, as the fleet shows it. */
export const providerView: MachineView = {
  ...idle,
  chipName: "fake",
  hardwareModel: "fake",
  engine: { name: "fake", version: "1" },
  models: [{ build: entry.build, weightsSha256: entry.weightsSha256, contextTokens: entry.contextTokens }],
  slots: 1,
};
