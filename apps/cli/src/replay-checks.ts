import { toHex } from "@darkbloom/protocol/bytes";
import { checks, type Check } from "@darkbloom/protocol/evidence";
import type { Receipt } from "@darkbloom/protocol/receipts";
import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import { CONTEXT_TOKENS_DEFAULT } from "@darkbloom/provider/engine/llama/model-file";
import type { Engine } from "@darkbloom/provider/inference/engine";
import { replay, type Replayed } from "@darkbloom/provider/inference/replay";
import { loadModel } from "@darkbloom/provider/start-provider";
import type { LocatedModel } from "./model.ts";

interface Again {
  /** The request as it was sent, or the file that `curl -d @FILE` sent without its line ends. */
  readonly body: Uint8Array;
  /** The answer's bytes that were hashed. */
  readonly told: Uint8Array;
  readonly model: LocatedModel;
}

/** Runs a request again on this machine, with the seed of its receipt, and says what came of it. */
export async function replayChecks(receipt: Receipt, { body: given, told, model }: Again): Promise<readonly Check[]> {
  const body = [given, withoutLineEnds(given)].find(
    (bytes) => toHex(nodeCrypto.sha256(bytes)) === receipt.request_sha256,
  );
  // No model is loaded for a request that is another one.
  if (!body) return [requestCheck(false)];
  const { prompt_tokens: prompt } = receipt.usage;
  const contextTokens = prompt + (receipt.sampling?.max_tokens ?? 0);
  await using engine = await loadModel({
    modelPath: model.path,
    build: model.build,
    // Attention as a provider on this machine takes it: the other way computes a little differently, and draws other words.
    attentions: [],
    ...(contextTokens > CONTEXT_TOKENS_DEFAULT && { contextTokens }),
  });
  const tools = { crypto: nodeCrypto, hpke: nodeHpke };
  return [
    requestCheck(true),
    weightsCheck(engine, receipt),
    engineCheck(engine, receipt),
    answerCheck(await replay(tools, engine, { receipt, body, told })),
  ];
}

const withoutLineEnds = (bytes: Uint8Array): Uint8Array => bytes.filter((byte) => byte !== 0x0a && byte !== 0x0d);

const requestCheck = (isThisRequest: boolean): Check =>
  checks.either(
    "replay.request",
    isThisRequest,
    "the request is the one that was answered",
    "the request is another one",
    "Give the exact bytes that were sent, with --replay.",
  );

const weightsCheck = ({ model }: Engine, receipt: Receipt): Check =>
  model.weightsSha256 === receipt.weights_sha256
    ? checks.pass("replay.weights", "these are the weights that answered")
    : checks.unknown("replay.weights", `other weights answered (${receipt.build})`, "Name their file with --model.");

const engineCheck = ({ name, version }: Engine, { engine }: Receipt): Check =>
  name === engine.name && version === engine.version
    ? checks.pass("replay.engine", "this is the engine that answered")
    : checks.unknown(
        "replay.engine",
        `here runs ${name} ${version}, and another version answered`,
        "Use the Darkbloom that has the engine of the receipt.",
      );

/** A difference is no proof of a lie: a machine that answers several at once adds its numbers up in another order. */
function answerCheck(replayed: Replayed): Check {
  const id = "replay.answer";
  switch (replayed.outcome) {
    case "same_bytes":
      return checks.pass(id, "the same seed gives the same answer, byte for byte");
    case "same_words":
      return checks.pass(id, "the same seed gives the same words; only names of calls, times and signs of life differ");
    case "other_words":
      return checks.unknown(
        id,
        `the same seed gives another answer, from character ${replayed.atCharacter} of its body on`,
        "It must be the same only where build, engine and kind of processor are, and the request ran alone.",
      );
    case "not_run":
      return checks.unknown(id, notRun[replayed.why]);
  }
}

const notRun: Readonly<Record<Extract<Replayed, { outcome: "not_run" }>["why"], string>> = {
  other_request: "not run: the request is another one",
  other_weights: "not run: the weights are others",
  was_cut_off: "not run: the caller hung up, and no seed tells when",
  refused: "not run: this model refuses the request",
};
