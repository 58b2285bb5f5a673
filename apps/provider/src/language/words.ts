import type { Delta, Finish, Job, Renderer, TextDelta, TokenLogprob } from "@darkbloom/protocol/dialects";
import { pushAll } from "@darkbloom/protocol/lists";
import { StopWatcher, ThinkSplitter } from "@darkbloom/protocol/text";
import { CallReader } from "./call-reader.ts";
import type { Piece, ReplyForm } from "./reply.ts";

/** Arguments begin and end with a brace: of a text that is cut after every one, each part is all arguments or none. */
const afterBrace = /(?<=[{}])/;

/** How calls are read, where there may be any. */
function readerOf(job: Job, { toolSyntax: syntax }: ReplyForm, newCallId: () => string): CallReader | undefined {
  const { tools, toolChoice } = job;
  if (!syntax || toolChoice === "none") return undefined;
  const offered = typeof toolChoice === "object" ? tools.filter(({ name }) => name === toolChoice.name) : tools;
  const forced = toolChoice !== "auto";
  return new CallReader({ syntax, tools: offered, forced, atStart: !forced && job.format !== undefined }, newCallId);
}

/**
 * One choice's text on its way into the dialect: thoughts are parted from what is said, calls from
 * words, and stop strings end what is said.
 *
 * - A stop string in a thought or in a call ends nothing: the caller asked about the answer. Nor does
 *   one reach over a call.
 * - A think tag in a call's arguments is none: they are the caller's data, byte for byte.
 * - Log probabilities go out with the text that lets them out: what is held back keeps its tokens. Those
 *   of thoughts and calls never go out.
 */
export class Words {
  readonly #splitter: ThoughtsAndSpeech;
  readonly #watcher: StopWatcher;
  readonly #calls: CallReader | undefined;
  readonly #oneCall: boolean;
  readonly #hasForm: boolean;
  #said = false;
  readonly #renderer: Renderer;
  readonly #choice: number;
  #pending: TokenLogprob[] = [];
  #stopString: string | undefined;
  #tokens = 0;
  /** Tokens of thoughts, their tags included. */
  thoughtTokens = 0;

  /** @param newCallId a fresh name for a tool call */
  constructor(job: Job, form: ReplyForm, renderer: Renderer, choice: number, newCallId: () => string) {
    this.#splitter = new ThoughtsAndSpeech(form);
    this.#watcher = new StopWatcher(job.sampling.stop);
    this.#calls = readerOf(job, form, newCallId);
    this.#hasForm = job.format !== undefined;
    this.#oneCall = !job.parallelToolCalls || typeof job.toolChoice === "object";
    this.#renderer = renderer;
    this.#choice = choice;
  }

  /** Nothing more of this choice is wanted: a stop string came, the one call that may be is whole, or one was made again. */
  get over(): boolean {
    const { whole = 0, repeated = false } = this.#calls ?? {};
    return this.#stopString !== undefined || repeated || (this.#oneCall && whole > 0);
  }

  push(piece: Piece): string {
    const wasThinking = this.#splitter.thinking;
    const halfTagUnits = this.#splitter.heldUnits;
    const deltas = this.#read(piece);
    if (wasThinking || this.#splitter.thinking) this.thoughtTokens += piece.completionTokens - this.#tokens;
    this.#tokens = piece.completionTokens;
    if (wasThinking || this.#splitter.thinking || deltas.some(({ kind }) => kind === "thought")) {
      if (!wasThinking) this.#pending = this.#pending.slice(0, this.#placeBefore(halfTagUnits));
    } else if (piece.logprob) this.#pending.push(piece.logprob);
    const rendered = this.#render(deltas);
    // Tags, calls and trimmed space have no token of the visible text.
    if (piece.text !== "" && this.#heldUnits === 0) this.#pending = [];
    return rendered;
  }

  /** What was held back and is text after all. */
  end(): string {
    if (this.over) return "";
    const rest = this.#splitter.end().flatMap((delta) => this.#readCalls(delta));
    const uncalled = (this.#calls?.end() ?? []).flatMap((delta) => this.#watch(delta));
    const held = this.#stopString === undefined ? this.#watcher.end() : "";
    return this.#render([...rest, ...uncalled, { kind: "said", text: held }]);
  }

  /** @param ended how the model itself came to its end */
  finish(ended: Finish["reason"]): Finish {
    if (ended === "cancelled") return { reason: ended };
    if (this.#stopString !== undefined) return { reason: "stop", stopString: this.#stopString };
    const called = (this.#calls?.begun ?? 0) > 0;
    return { reason: called && (ended === "stop" || this.over) ? "tool_calls" : ended };
  }

  #read({ text, special = false }: Piece): Delta[] {
    const deltas: Delta[] = [];
    // In an answer that has a form, a token that looks like a tag is a part of that form.
    const steers = special && !(this.#hasForm && this.#said);
    for (const part of this.#calls && !steers ? text.split(afterBrace) : [text]) {
      if (this.over) break;
      if (this.#calls?.inArguments) pushAll(deltas, this.#calls.push(part));
      else
        pushAll(
          deltas,
          this.#splitter.push(part, steers).flatMap((delta) => this.#readCalls(delta)),
        );
    }
    return deltas;
  }

  #readCalls(delta: Delta): Delta[] {
    if (delta.kind === "said") this.#said = true;
    if (delta.kind !== "said" || !this.#calls) return this.#watch(delta);
    return this.#calls.push(delta.text).flatMap((read) => this.#watch(read));
  }

  /** What comes after the end in the same piece is nobody's: how a text is cut into tokens changes nothing. */
  #watch(delta: Delta): Delta[] {
    if (this.#stopString !== undefined) return [];
    if (delta.kind === "call") return [{ kind: "said", text: this.#watcher.end() }, delta];
    if (delta.kind !== "said") return [delta];
    const { text, stopped } = this.#watcher.push(delta.text);
    if (stopped !== undefined) this.#stopString = stopped;
    return [{ kind: "said", text }];
  }

  #render(deltas: readonly Delta[]): string {
    let rendered = "";
    const lastCall = deltas.findLastIndex(({ kind }) => kind === "call");
    for (const [at, delta] of deltas.entries()) {
      if (at === lastCall) this.#pending = [];
      if (delta.kind === "said" && delta.text === "") continue;
      const hasTokens = delta.kind === "said" && this.#pending.length > 0;
      const told = hasTokens ? { ...delta, logprobs: this.#letOut(delta.text, at < lastCall) } : delta;
      rendered += this.#renderer.delta(told, this.#choice);
    }
    return rendered;
  }

  get #heldUnits(): number {
    return this.#splitter.heldUnits + this.#watcher.heldUnits + (this.#calls?.heldUnits ?? 0);
  }

  /** The tokens of what is out now; those of what is held back stay, or of the call that follows. */
  #letOut(text: string, beforeCall: boolean): TokenLogprob[] {
    const place = beforeCall ? this.#placeAfter(text.length) : this.#placeBefore(this.#heldUnits);
    const out = this.#pending.slice(0, place);
    this.#pending = this.#pending.slice(place);
    return out;
  }

  /** How many of the waiting tokens come before so much text at their end. */
  #placeBefore(units: number): number {
    let place = this.#pending.length;
    for (let left = units; left > 0 && place > 0; place--) left -= this.#pending[place - 1]?.text.length ?? 0;
    return place;
  }

  /** How many of them hold so much text at their beginning. */
  #placeAfter(units: number): number {
    let place = 0;
    for (let left = units; left > 0 && place < this.#pending.length; place++)
      left -= this.#pending[place]?.text.length ?? 0;
    return place;
  }
}

/** Thoughts parted from speech, and the words gone with which a template announces speech. */
export class ThoughtsAndSpeech {
  readonly #splitter: ThinkSplitter | undefined;
  readonly #announcement: string;
  /** The announcement may come; held back is what may be its beginning. */
  #waits: boolean;
  #held = "";

  constructor({ thought, opensThinking, speech = "", continues }: ReplyForm) {
    // A text that is gone on with keeps the white space at its beginning, and no thought begins in it.
    this.#splitter =
      continues === true || !thought ? undefined : new ThinkSplitter({ ...thought, startsThinking: opensThinking });
    this.#announcement = speech;
    this.#waits = speech !== "";
  }

  get thinking(): boolean {
    return this.#splitter?.thinking ?? false;
  }

  get heldUnits(): number {
    return (this.#splitter?.heldUnits ?? 0) + this.#held.length;
  }

  /** @param special the text ends with one token that steers the model */
  push(text: string, special: boolean): TextDelta[] {
    return this.#spoken(this.#splitter?.push(text, special) ?? (text === "" ? [] : [{ kind: "said", text }]));
  }

  end(): TextDelta[] {
    const rest = this.#spoken(this.#splitter?.end() ?? []);
    const held = this.#held;
    this.#held = "";
    // Half an announcement is none, and no text either.
    return held === "" || held.length > 2 ? rest : [...rest, { kind: "said", text: held }];
  }

  #spoken(deltas: TextDelta[]): TextDelta[] {
    if (this.#announcement === "") return deltas;
    return deltas.flatMap((delta): TextDelta[] => {
      if (delta.kind === "thought") {
        this.#waits = true;
        return [delta];
      }
      if (!this.#waits) return [delta];
      const text = this.#held + delta.text;
      this.#held = "";
      if (text.length < this.#announcement.length && this.#announcement.startsWith(text)) {
        this.#held = text;
        return [];
      }
      this.#waits = false;
      const rest = text.startsWith(this.#announcement) ? text.slice(this.#announcement.length).trimStart() : text;
      return rest === "" ? [] : [{ kind: "said", text: rest }];
    });
  }
}
