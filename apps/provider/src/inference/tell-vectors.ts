import type { Decoded, Embed } from "@darkbloom/protocol/dialects";
import { embedTokensMax } from "@darkbloom/protocol/prompt-bounds";
import type { Opened } from "@darkbloom/protocol/sealing";
import type { InferenceRequest } from "@darkbloom/protocol/wire";
import { EngineRefusal } from "../language/refusal.ts";
import type { AnswerNet } from "./net.ts";
import type { Told } from "./closing.ts";
import type { Outgoing } from "./outgoing.ts";
import { tailFor } from "./sealed-words.ts";

/**
 * Turns the inputs into vectors and sends each as it comes. That all of them fit is found out before the first is
 * computed, so that nothing is done for a request that is refused. A caller who has left pays for those that there are; undefined
 * where a cancel came before the first.
 */
export async function tellVectors(
  net: AnswerNet,
  request: InferenceRequest,
  { header, body }: Extract<Opened, { body: unknown }>,
  { job, renderer: rendererOf }: Decoded,
  { inputs, dimensions }: Embed,
  outgoing: Outgoing,
  cancel: AbortSignal,
  lost: AbortSignal,
): Promise<Told | undefined> {
  const startedAt = net.clock.now();
  const { vectorLength = 0 } = net.engine.model;
  if ((dimensions ?? 0) > vectorLength) throw new EngineRefusal("dimensions_refused");
  const createdSec = Math.floor(startedAt / 1000);
  const renderer = rendererOf({ jobId: request.job_id, createdSec, nowSec: () => createdSec });
  if (!renderer.vector) throw new RangeError(`${job.endpoint} has no form for vectors`);
  // A model that makes more tokens of the texts than they can be charged as does so on our own account.
  const tokensMax = embedTokensMax(body.length, inputs.length);
  let promptTokens = 0;
  let begun = false;
  try {
    await net.engine.fit(inputs, cancel);
    for await (const { vector, tokens } of net.engine.embed(inputs, cancel)) {
      promptTokens = Math.min(promptTokens + tokens, tokensMax);
      if (!begun) outgoing.add(renderer.begin({ promptTokens, cachedTokens: 0 }));
      outgoing.add(renderer.vector(unitVector(vector, dimensions)));
      await (begun ? outgoing.flush(0, cancel) : outgoing.begin(0, cancel));
      begun = true;
    }
  } catch (error) {
    if (lost.aborted || !cancel.aborted) throw error;
    if (!begun) return undefined;
  }
  const usage = { promptTokens, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 };
  outgoing.add(renderer.end(usage));
  const hashes = await outgoing.end(0, lost, tailFor(net, header, {}));
  return { hashes, finishes: [], usage, startedAt };
}

/**
 * Of length 1, as callers of OpenAI's API take for granted: a product of two is then their nearness. A shortened one is
 * its first numbers, and is of length 1 again.
 *
 * @throws RangeError where a model gave what is no number, or nothing but zeros
 */
export function unitVector(vector: Float32Array<ArrayBuffer>, dimensions = vector.length): Float32Array<ArrayBuffer> {
  const kept = vector.subarray(0, dimensions);
  const length = Math.sqrt(kept.reduce((sum, value) => sum + value * value, 0));
  if (!(length > 0 && Number.isFinite(length))) throw new RangeError("the model gave no direction");
  return kept.map((value) => value / length);
}
