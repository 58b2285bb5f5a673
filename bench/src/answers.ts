import { DEFAULT_PRICE } from "@darkbloom/coordinator/catalog/bundled";
import type { CatalogEntry } from "@darkbloom/coordinator/catalog/catalog";
import { utf8 } from "@darkbloom/protocol/bytes";
import { dialects, type Decoded, type Dialect } from "@darkbloom/protocol/dialects";
import type { BuildId, ModelId, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";
import { systemClock } from "@darkbloom/protocol/node";
import { ScriptedEngine, type Script } from "@darkbloom/provider/engine/scripted-engine";

/** What the benchmark asks, and byte for byte what every contender must answer. */

export const dialect: Dialect = dialects["/v1/chat/completions"];
/** More than any workload has connections, so that no request waits for a slot. */
export const SLOTS = 1024;
/** A billion USD: the benchmark never runs out of money. */
export const CREDIT: MicroUsd = microUsd(1_000_000_000_000_000n);
/** Far above what any machine can send. */
export const REQUESTS_PER_SEC = 1_000_000;

const BUILD = "bench-scripted";
const WEIGHTS_SHA256 = "0".repeat(64);
const TOKENS_MAX = 1_000_000;

export const entry: CatalogEntry = {
  id: "bench" as ModelId,
  build: BUILD as BuildId,
  weightsSha256: WEIGHTS_SHA256 as Sha256Hex,
  displayName: "Scripted answers for the benchmark",
  contextTokens: TOKENS_MAX,
  maxOutputTokens: TOKENS_MAX / 2,
  price: DEFAULT_PRICE,
  createdSec: 0,
};

/** About as long as a model's tokens are. */
const words = ["light ", "in ", "the ", "dark ", "is ", "a ", "flower ", "that ", "nobody ", "sees.\n"];

/** Says as many words as the last message asks for, as fast as they are taken. */
export const scriptedEngine = (): ScriptedEngine =>
  new ScriptedEngine({
    clock: systemClock,
    slots: SLOTS,
    model: { build: BUILD, weightsSha256: WEIGHTS_SHA256, contextTokens: TOKENS_MAX },
    script: (messages) => scriptOf(messages.at(-1)?.text ?? ""),
  });

const scripts = new Map<string, Script>();

/** @param asked how many words, and how many milliseconds lie between two, if any do */
function scriptOf(asked: string): Script {
  const known = scripts.get(asked);
  if (known) return known;
  const [length, tokenMs] = asked.split(" every ").map(Number);
  const pieces = Array.from({ length: length ?? 0 }, (_, at) => words[at % words.length] ?? "");
  const script = { pieces, ...(tokenMs !== undefined && { tokenMs }) };
  scripts.set(asked, script);
  return script;
}

/** What is asked for: so many words, at once or at a pace. */
export interface Asked {
  readonly pieces: number;
  readonly stream: boolean;
  readonly everyMs?: number;
  /** Of a text that comes before the question. */
  readonly contextChars?: number;
}

/** The request's body. */
export const askOf = ({ pieces, stream, everyMs, contextChars }: Asked): Buffer =>
  Buffer.from(
    JSON.stringify({
      model: entry.id,
      messages: [
        ...(contextChars === undefined ? [] : [{ role: "system", content: "light ".repeat(contextChars / 6) }]),
        { role: "user", content: everyMs === undefined ? String(pieces) : `${pieces} every ${everyMs}` },
      ],
      max_tokens: pieces + 1,
      temperature: 0,
      stream,
    }),
  );

/**
 * The answer as a provider renders it, in the pieces that it sends: the first with what begins an
 * answer, one for each further token, and what ends it. Of a plain answer only the last is not empty.
 * Ids and times have the length of real ones, so that the whole has the length of a real one.
 */
export async function answerOf(decoded: Decoded): Promise<Uint8Array[]> {
  const promptTokens = (await scriptedEngine().prompt(decoded.job)).tokens.length;
  const { pieces } = scriptOf(decoded.job.messages.at(-1)?.text ?? "");
  const facts = { jobId: `job_${"0".repeat(32)}`, createdSec: 1_700_000_000, nowSec: () => 1_700_000_000 };
  const renderer = decoded.renderer(facts);
  const begin = renderer.begin({ promptTokens, cachedTokens: 0 });
  const said = pieces.map((text, at) => (at === 0 ? begin : "") + renderer.delta({ kind: "said", text }, 0));
  const completionTokens = pieces.length + 1;
  const usage = { promptTokens, cachedTokens: 0, completionTokens, reasoningTokens: 0 };
  const end = renderer.finish({ reason: "stop" }, 0) + renderer.end(usage);
  return [...said, end].map(utf8);
}

/** Reads a request's body as the coordinator does. */
export const decodedIn = (body: Uint8Array): Decoded => dialect.decode(JSON.parse(Buffer.from(body).toString()));
