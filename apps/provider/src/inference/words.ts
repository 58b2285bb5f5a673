import {
  StopWatcher,
  ThinkSplitter,
  type Delta,
  type Finish,
  type Job,
  type Renderer,
  type TokenLogprob,
} from "@darkbloom/protocol";
import { CallReader } from "./call-reader.ts";
import type { Piece, Prompt } from "./engine.ts";

/**
 * One choice's text on its way into the dialect: thoughts are parted from what is said, calls from
 * words, and stop strings end what is said. A stop string in a thought or in a call ends nothing: the
 * caller asked about the answer.
 *
 * Log probabilities go out with the text that lets them out: what is held back keeps its tokens.
 */
export class Words {
  readonly #splitter: ThinkSplitter;
  readonly #watcher: StopWatcher;
  readonly #calls: CallReader | undefined;
  readonly #oneCall: boolean;
  readonly #renderer: Renderer;
  readonly #choice: number;
  #pending: TokenLogprob[] = [];
  #stopString: string | undefined;
  #callsTold = 0;
  #tokens = 0;
  /** Tokens of thoughts, their tags included. */
  thoughtTokens = 0;

  /** @param newCallId a fresh name for a tool call */
  constructor(job: Job, prompt: Prompt, renderer: Renderer, choice: number, newCallId: () => string) {
    this.#splitter = new ThinkSplitter({ startsThinking: prompt.opensThinking });
    this.#watcher = new StopWatcher(job.sampling.stop);
    this.#calls =
      prompt.toolSyntax && job.toolChoice !== "none"
        ? new CallReader(prompt.toolSyntax, new Set(job.tools.map(({ name }) => name)), newCallId)
        : undefined;
    this.#oneCall = !job.parallelToolCalls || typeof job.toolChoice === "object";
    this.#renderer = renderer;
    this.#choice = choice;
  }

  /** Nothing more of this choice is wanted: a stop string came, or the one call that may be is whole. */
  get over(): boolean {
    return this.#stopString !== undefined || (this.#oneCall && (this.#calls?.whole ?? 0) > 0);
  }

  push(piece: Piece): string {
    if (piece.logprob) this.#pending.push(piece.logprob);
    const wasThinking = this.#splitter.thinking;
    const deltas = this.#splitter.push(piece.text);
    if (wasThinking || this.#splitter.thinking) this.thoughtTokens += piece.completionTokens - this.#tokens;
    this.#tokens = piece.completionTokens;
    const out = deltas.flatMap((delta) => this.#read(delta));
    const rendered = this.#render(out);
    // Tags, thoughts, calls and trimmed space have no token of the visible text.
    if (piece.text !== "" && this.#heldUnits === 0) this.#pending = [];
    return rendered;
  }

  /** What was held back and is text after all. */
  end(): string {
    if (this.over) return "";
    const rest = this.#splitter.end().flatMap((delta) => this.#read(delta));
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

  #read(delta: Delta): Delta[] {
    if (delta.kind !== "said" || !this.#calls) return this.#watch(delta);
    return this.#calls.push(delta.text).flatMap((read) => this.#watch(read));
  }

  /** What comes after the end in the same piece is nobody's: how a text is cut into tokens changes nothing. */
  #watch(delta: Delta): Delta[] {
    if (delta.kind === "call") this.#callsTold++;
    const onlyCallIsTold = this.#oneCall && this.#callsTold > (delta.kind === "said" ? 0 : 1);
    if (this.#stopString !== undefined || onlyCallIsTold) return [];
    if (delta.kind !== "said") return [delta];
    const { text, stopped } = this.#watcher.push(delta.text);
    if (stopped !== undefined) this.#stopString = stopped;
    return [{ kind: "said", text }];
  }

  #render(deltas: readonly Delta[]): string {
    let rendered = "";
    for (const delta of deltas) {
      if (delta.kind === "said" && delta.text === "") continue;
      const told = delta.kind === "said" && this.#pending.length > 0 ? { ...delta, logprobs: this.#letOut() } : delta;
      rendered += this.#renderer.delta(told, this.#choice);
    }
    return rendered;
  }

  get #heldUnits(): number {
    return this.#splitter.heldUnits + this.#watcher.heldUnits + (this.#calls?.heldUnits ?? 0);
  }

  /** The tokens of what is out now; those of what is held back stay. */
  #letOut(): TokenLogprob[] {
    let held = this.#heldUnits;
    let kept = this.#pending.length;
    for (; held > 0 && kept > 0; kept--) held -= this.#pending[kept - 1]?.text.length ?? 0;
    const out = this.#pending.slice(0, kept);
    this.#pending = this.#pending.slice(kept);
    return out;
  }
}
