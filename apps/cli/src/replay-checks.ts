import { toHex, type Check, type Receipt } from "@darkbloom/protocol";
import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import { CONTEXT_TOKENS_DEFAULT, loadModel, replay, type Engine, type Replayed } from "@darkbloom/provider";
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
  if (!body) return [requestCheck("fail")];
  const { prompt_tokens: prompt } = receipt.usage;
  await using engine = await loadModel({
    modelPath: model.path,
    build: model.build,
    contextTokens: Math.max(CONTEXT_TOKENS_DEFAULT, prompt + (receipt.sampling?.max_tokens ?? 0)),
  });
  const checks = [requestCheck("pass"), weightsCheck(engine, receipt), engineCheck(engine, receipt)];
  const tools = { crypto: nodeCrypto, hpke: nodeHpke };
  return [...checks, answerCheck(await replay(tools, engine, { receipt, body, told }))];
}

const withoutLineEnds = (bytes: Uint8Array): Uint8Array => bytes.filter((byte) => byte !== 0x0a && byte !== 0x0d);

const requestCheck = (status: "pass" | "fail"): Check => ({
  id: "replay.request",
  status,
  seen: status === "pass" ? "the request is the one that was answered" : "the request is another one",
  remedy: status === "pass" ? "" : "Give the exact bytes that were sent, with --replay.",
});

function weightsCheck({ model }: Engine, receipt: Receipt): Check {
  const same = model.weightsSha256 === receipt.weights_sha256;
  return {
    id: "replay.weights",
    status: same ? "pass" : "unknown",
    seen: same ? "these are the weights that answered" : `other weights answered (${receipt.build})`,
    remedy: same ? "" : "Name their file with --model.",
  };
}

function engineCheck({ name, version }: Engine, { engine }: Receipt): Check {
  const same = name === engine.name && version === engine.version;
  return {
    id: "replay.engine",
    status: same ? "pass" : "unknown",
    seen: same ? "this is the engine that answered" : `here runs ${name} ${version}, and another version answered`,
    remedy: same ? "" : "Use the Darkbloom that has the engine of the receipt.",
  };
}

/** A difference is no proof of a lie: a machine that answers several at once adds its numbers up in another order. */
function answerCheck(replayed: Replayed): Check {
  const check = (status: Check["status"], seen: string, remedy = ""): Check => ({
    id: "replay.answer",
    status,
    seen,
    remedy,
  });
  switch (replayed.outcome) {
    case "same_bytes":
      return check("pass", "the same seed gives the same answer, byte for byte");
    case "same_words":
      return check("pass", "the same seed gives the same words; only names of calls, times and signs of life differ");
    case "other_words":
      return check(
        "unknown",
        `the same seed gives another answer, from character ${replayed.atCharacter} of its body on`,
        "It must be the same only where build, engine and kind of processor are, and the request ran alone.",
      );
    case "not_run":
      return check("unknown", notRun[replayed.why]);
  }
}

const notRun: Readonly<Record<Extract<Replayed, { outcome: "not_run" }>["why"], string>> = {
  other_request: "not run: the request is another one",
  other_weights: "not run: the weights are others",
  was_cut_off: "not run: the caller hung up, and no seed tells when",
  refused: "not run: this model refuses the request",
};
