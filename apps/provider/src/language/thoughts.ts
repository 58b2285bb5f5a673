import type { TextDelta } from "@darkbloom/protocol/dialects";
import { ThinkSplitter } from "@darkbloom/protocol/text";
import type { ReplyForm } from "./reply.ts";

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
