import { joinBytes } from "@darkbloom/protocol/bytes";
import {
  failureOfRefusal,
  LineEnd,
  parseRequest,
  StreamEnd,
  type AnswerCheck,
  type Dialect,
  type Figures,
} from "@darkbloom/protocol/dialects";
import type { Failure } from "@darkbloom/protocol/failures";
import { mostOf } from "@darkbloom/protocol/lists";
import { inputTokensMax, promptTokensMax } from "@darkbloom/protocol/prompt-bounds";
import type { EngineRefusalCode } from "@darkbloom/protocol/provider-words";
import type { Receipt, ReceiptField } from "@darkbloom/protocol/receipts";
import { AnswerOpener, sealFor, type OpenedFrame, type SealTools } from "@darkbloom/protocol/sealing";
import type { CatalogEntry } from "../../catalog/catalog.ts";
import type { Line, MachineView } from "../../machines/ports.ts";
import type { ModelTerms, Terms } from "../terms.ts";
import { refuseOtherTasks, refuseWhatCannotFit } from "../bound.ts";
import type { Content, Ending, Exchange, Passage } from "./content.ts";

/** A request that came in the clear over TLS: this coordinator seals it for one machine, and reads the answer as it passes. */
export class Transparent implements Content {
  readonly privacy = "transparent";
  readonly #dialect: Dialect;
  readonly #figures: Figures;
  readonly #body: Uint8Array<ArrayBuffer>;

  constructor(dialect: Dialect, figures: Figures, body: Uint8Array<ArrayBuffer>) {
    this.#dialect = dialect;
    this.#figures = figures;
    this.#body = body;
  }

  refuseFor(entry: CatalogEntry, terms: Terms, machines: () => Iterable<Pick<MachineView, "models">>): void {
    refuseOtherTasks(entry, terms, this.#figures);
    refuseWhatCannotFit(entry, terms, this.#figures, machines);
  }

  exchangeOver(line: Line, terms: Terms, { entry, maxTokens }: ModelTerms, tools: SealTools): Exchange {
    const { nowMs, ...sealing } = line.sealing();
    const { envelope, secrets } = sealFor(tools, {
      terms: {
        mode: "transparent",
        endpoint: terms.endpoint,
        model: entry.id,
        ...(terms.model !== entry.id && { asked_model: terms.model }),
        build: entry.build,
        stream: terms.stream,
        max_tokens: maxTokens,
        features: [...terms.features],
        min_trust: terms.minTrust,
        pins: [...terms.pins],
        ...(terms.nonce !== undefined && { nonce: terms.nonce }),
      },
      body: this.#body,
      recipients: [{ providerId: line.providerId, ...sealing }],
      nowMs,
    });
    const [secret] = secrets;
    if (!secret) throw new RangeError("sealing for one candidate gave no response secret");
    const end = terms.stream ? new (this.#figures.asLines ? LineEnd : StreamEnd)() : undefined;
    const check = entry.embedding && this.#dialect.checkVectors?.(entry.id, this.#figures, entry.embedding.dimensions);
    const opener = new AnswerOpener(tools.hpke, secret);
    return { envelope, evidenceSha256: sealing.evidenceSha256, opener, passage: new ReadPassage(end, check) };
  }

  /** A refusal costs the caller the request and the machine nothing, so it is believed no further than it must be: of something that was sent. */
  refusalOf(code: EngineRefusalCode, terms: Terms, contextTokens: number, promptTokens = 0): Failure | undefined {
    const { embed, formatParam } = this.#figures;
    const at = { endpoint: terms.endpoint, formatParam };
    if (code !== "context_exceeded")
      return this.#couldBe(code, terms) ? failureOfRefusal(code, at, { contextTokens, promptTokens }) : undefined;
    const longestTokens = this.#longestTokens(terms, contextTokens);
    // A prompt that fills the context leaves no room for an answer; a vector needs none.
    if (longestTokens < contextTokens + (embed ? 1 : 0)) return undefined;
    // What a machine says of a prompt's length is believed between the two figures that we know.
    const believedTokens = Math.max(contextTokens, Math.min(promptTokens, longestTokens));
    return failureOfRefusal(code, at, { contextTokens, promptTokens: believedTokens });
  }

  #couldBe(code: Exclude<EngineRefusalCode, "context_exceeded">, terms: Terms): boolean {
    const { embed, hasFormat, hasTokens, continues, thinksOrRefuses } = this.#figures;
    switch (code) {
      case "messages_refused":
        return true;
      case "schema_refused":
        return hasFormat;
      case "tools_refused":
        return terms.features.includes("tools");
      case "tokens_refused":
        return hasTokens;
      case "dimensions_refused":
        return embed?.dimensions !== undefined;
      case "continuation_refused":
        return continues;
      case "thinking_refused":
        return thinksOrRefuses;
    }
  }

  /** The most tokens that what shares one context can come to: the prompt, or the longest of several texts, which are read once more for it. */
  #longestTokens(terms: Terms, contextTokens: number): number {
    if (!this.#figures.embed) return promptTokensMax(terms.bodyBytes);
    const { embed } = this.#dialect.decode(parseRequest(this.#body)).job;
    return mostOf((embed?.inputs ?? []).map((input) => inputTokensMax(input, contextTokens + 1)));
  }

  disagreementWith(receipt: Receipt, terms: Terms, ending: Ending): ReceiptField | undefined {
    return rules.find(([, holds]) => !holds(receipt, { terms, figures: this.#figures, ...ending }))?.[0];
  }
}

/** Of an answer that may be read: what a client takes for its end waits for the check, in whatever frame it comes. */
export class ReadPassage implements Passage {
  readonly #end: StreamEnd | LineEnd | undefined;
  readonly #check: AnswerCheck | undefined;

  /** @param end of a stream; @param check of an answer that can be judged by its bytes alone */
  constructor(end?: StreamEnd | LineEnd, check?: AnswerCheck) {
    this.#end = end;
    this.#check = check;
  }

  free({ plaintext, final }: Pick<OpenedFrame, "plaintext" | "final">, isCut: boolean): Uint8Array {
    this.#check?.push(plaintext);
    if (final) this.#check?.end(isCut);
    if (!this.#end) return plaintext;
    const free = this.#end.push(plaintext);
    return final ? joinBytes([free, this.#end.end()]) : free;
  }

  get heldBytes(): number {
    return this.#end?.heldBytes ?? 0;
  }
}

interface Sent extends Ending {
  readonly terms: Terms;
  readonly figures: Figures;
}
type Rule = readonly [field: ReceiptField, holds: (receipt: Receipt, sent: Sent) => boolean];
type Sampling = NonNullable<Receipt["sampling"]>;

/** Of the numbers that a model's words were drawn by, where any were. */
const drawn =
  (holds: (sampling: Sampling, asked: Figures["sampling"], sent: Sent) => boolean) =>
  ({ sampling }: Receipt, sent: Sent): boolean =>
    sampling === undefined || holds(sampling, sent.figures.sampling, sent);

/** In the order in which one is blamed. */
const rules: readonly Rule[] = [
  // What only a sealed one has.
  ["request_commitment", ({ request_commitment }) => request_commitment === undefined],
  ["response_commitment", ({ response_commitment }) => response_commitment === undefined],
  ["private_commitment", ({ private_commitment }) => private_commitment === undefined],
  ["hpke_key_id", ({ hpke_key_id }) => hpke_key_id === undefined],
  ["finish_reason", ({ finish_reason: reason }, sent) => couldEndBy(reason, sent)],
  ["sampling", ({ sampling }, { terms }) => (sampling === undefined) === (terms.task === "embed")],
  ["sampling.temperature", drawn((sampling, asked) => sampling.temperature === asked.temperature)],
  ["sampling.top_p", drawn((sampling, asked) => sampling.top_p === asked.topP)],
  ["sampling.seed", drawn((sampling, asked) => sampling.seed === (asked.seed ?? sampling.seed))],
  ["sampling.top_k", drawn((sampling, asked) => sampling.top_k === asked.topK)],
  ["sampling.frequency_penalty", drawn((sampling, asked) => sampling.frequency_penalty === asked.frequencyPenalty)],
  ["sampling.presence_penalty", drawn((sampling, asked) => sampling.presence_penalty === asked.presencePenalty)],
  ["sampling.min_p", drawn((sampling, asked) => (sampling.min_p ?? 0) === asked.minP)],
  [
    "sampling.repetition_penalty",
    drawn((sampling, asked) => (sampling.repetition_penalty ?? 1) === asked.repetitionPenalty),
  ],
  ["sampling.logit_bias", drawn((sampling, asked) => sampling.logit_bias === asked.logitBias)],
  ["sampling.stop", drawn((sampling, asked) => sampling.stop === asked.stop)],
  ["sampling.n", drawn((sampling, _, { terms }) => sampling.n === terms.choices)],
  [
    "sampling.max_tokens",
    drawn((sampling, _, { terms, maxTokens }) => sampling.max_tokens * terms.choices <= maxTokens),
  ],
];

/** Only who was told to stop was cancelled, and only who was given tools called one; a vector has no such end. */
function couldEndBy(reason: Receipt["finish_reason"], { terms, isCut }: Sent): boolean {
  if (terms.task === "embed") return reason === undefined;
  if (reason === "cancelled") return isCut;
  return reason === "tool_calls" ? terms.features.includes("tools") : reason !== undefined;
}
