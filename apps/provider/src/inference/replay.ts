import { joinBytes, toHex } from "@darkbloom/protocol/bytes";
import { parseRequest } from "@darkbloom/protocol/dialects";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import { receipt as receiptSchema, type Receipt } from "@darkbloom/protocol/receipts";
import { AnswerOpener, type Hpke, type SealHeader, type SharedSecret } from "@darkbloom/protocol/sealing";
import { Deadlines } from "@darkbloom/protocol/time";
import { answer } from "./answer.ts";
import { Credit } from "./outgoing.ts";
import type { Engine } from "./engine.ts";

/** What ran again: the same to the byte, the same but for what no seed decides, or something else; or why nothing did. */
export type Replayed =
  | { readonly outcome: "same_bytes" | "same_words" }
  | { readonly outcome: "other_words"; readonly atCharacter: number }
  | { readonly outcome: "not_run"; readonly why: "other_request" | "other_weights" | "was_cut_off" | "refused" };

/**
 * Runs the request of a receipt again, with its seed and its bounds, through the same story that answered it, and compares.
 *
 * @param body the request's exact bytes
 * @param told the answer's bytes that were hashed
 * @param engine with the receipt's weights loaded
 */
export async function replay(
  tools: { readonly crypto: Crypto; readonly hpke: Hpke },
  engine: Engine,
  { receipt, body, told }: { readonly receipt: Receipt; readonly body: Uint8Array; readonly told: Uint8Array },
): Promise<Replayed> {
  if (toHex(tools.crypto.sha256(body)) !== receipt.request_sha256) return { outcome: "not_run", why: "other_request" };
  if (engine.model.weightsSha256 !== receipt.weights_sha256) return { outcome: "not_run", why: "other_weights" };
  // A sealed receipt has neither the seed nor the answer's hash.
  if (receipt.privacy === "sealed") return { outcome: "not_run", why: "refused" };
  // Where the caller hung up, no seed knows.
  if (receipt.finish_reason === "cancelled") return { outcome: "not_run", why: "was_cut_off" };

  const again = await answerOf(tools, asRecorded(engine, receipt), receipt, Uint8Array.from(body));
  if (!again) return { outcome: "not_run", why: "refused" };
  if (again.sha256 === receipt.response_sha256) return { outcome: "same_bytes" };
  const [before, now] = [wordsIn(told), wordsIn(again.bytes)];
  if (before === now) return { outcome: "same_words" };
  let atCharacter = 0;
  while (before[atCharacter] === now[atCharacter]) atCharacter++;
  return { outcome: "other_words", atCharacter };
}

/** One answer of the story, opened again. Undefined where it was refused. */
async function answerOf(
  { crypto, hpke }: { readonly crypto: Crypto; readonly hpke: Hpke },
  engine: Engine,
  receipt: Receipt,
  body: Uint8Array<ArrayBuffer>,
): Promise<{ sha256: string; bytes: Uint8Array } | undefined> {
  // Nobody listens: any secret is as good.
  const secret: SharedSecret = {
    secret: new Uint8Array(32),
    enc: new Uint8Array(32),
    commitmentKeys: () => {
      throw new RangeError("what runs again is not sealed");
    },
  };
  const opener = new AnswerOpener(hpke, secret);
  const parts: Uint8Array[] = [];
  const clock = standingAt(Date.parse(receipt.started_at));
  const credit = new Credit(clock, Infinity);
  const faults: unknown[] = [];
  let complete: Receipt | undefined;
  const never = new AbortController().signal;
  await answer(
    {
      clock,
      crypto,
      hpke,
      random: diceOf(receipt.sampling?.seed ?? 0),
      engine,
      signer: nobody,
      providerId: receipt.provider_id,
      defer: queueMicrotask,
      deadlines: new Deadlines(clock),
      open: () => ({
        header: headerOf(receipt, body),
        body,
        secret,
        keyId: "",
        evidenceSha256: receipt.evidence_sha256,
      }),
      send: (message) => {
        if (message.type === "inference_complete") complete = receiptSchema.parse(JSON.parse(message.receipt));
      },
      sendFrame: (frame) => {
        credit.give(frame.length);
        for (const { plaintext } of opener.push(frame)) parts.push(plaintext);
      },
      failed: (error) => void faults.push(error),
    },
    {
      job_id: receipt.job_id,
      caller_request_id: receipt.request_id,
      envelope: { hdr: "", body: new Uint8Array(0), wraps: [] },
      credit_bytes: 1,
    },
    credit,
    never,
    never,
  );
  if (faults.length > 0) throw faults[0];
  return complete && { sha256: complete.response_sha256, bytes: joinBytes(parts) };
}

function headerOf(receipt: Receipt, body: Uint8Array): SealHeader {
  const { stream, type, model } = parseRequest(body) as { stream?: unknown; type?: unknown; model: string };
  return {
    v: 1,
    suite: "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm",
    mode: "transparent",
    id: "AAAAAAAAAAAAAAAAAAAAAA==",
    expires_at: receipt.finished_at,
    endpoint: receipt.endpoint,
    model: receipt.model,
    // The same, or an alias.
    asked_model: model,
    build: receipt.build,
    stream: stream === true || type === "response.create",
    // Of vectors, as the least that a bound can be.
    max_tokens: receipt.sampling ? receipt.sampling.max_tokens * receipt.sampling.n : 1,
    features: [],
    min_trust: "none",
    pins: [],
    candidates: [{ provider_id: receipt.provider_id, key_id: "", evidence_sha256: receipt.evidence_sha256 }],
  };
}

/** The engine under the name of the receipt's build, saying as many tokens were cached as were then. */
function asRecorded(engine: Engine, { build, usage }: Receipt): Engine {
  const cachedTokens = usage.cached_tokens;
  return {
    name: engine.name,
    version: engine.version,
    model: { ...engine.model, build },
    slots: engine.slots,
    prompt: (job) => engine.prompt(job),
    async *run(prompt, generation, signal) {
      const run = engine.run(prompt, generation, signal);
      try {
        for (;;) {
          const step = await run.next();
          if (step.done) return { ...step.value, cachedTokens };
          yield { ...step.value, cachedTokens };
        }
      } finally {
        await run.return({ finish: "stop", cachedTokens, completionTokens: 0 });
      }
    },
    fit: (inputs, signal) => engine.fit(inputs, signal),
    embed: (inputs, signal) => engine.embed(inputs, signal),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Always the same moment, so that nothing is said about waiting. */
const standingAt = (ms: number): Clock => ({
  now: () => ms,
  monotonicMs: () => 0,
  sleep: (_ms, signal) =>
    new Promise((_resolve, reject) =>
      signal?.addEventListener("abort", () => reject(new Error("over", { cause: signal.reason })), { once: true }),
    ),
});

/** The first four bytes are what the seed is made of where the caller gave none; all else that is drawn is hidden by `wordsIn`. */
const diceOf = (seed: number): Random => ({
  bytes(length) {
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, seed);
    return bytes;
  },
  fraction: () => 0,
});

const nobody = {
  publicKey: new Uint8Array(65),
  signTagged: async () => new Uint8Array(),
  signResponseHash: async () => new Uint8Array(),
};

/** An answer without what no seed decides: words for who waits, the end's time, and the names of calls. */
const wordsIn = (bytes: Uint8Array): string =>
  new TextDecoder()
    .decode(bytes)
    .replaceAll(": keep-alive\n\n", "")
    .replaceAll(/"completed_at":\d+/g, '"completed_at":0')
    .replaceAll(/call_[0-9a-f]{24}/g, "call_");
