import type { Message } from "@darkbloom/protocol";
import { Template } from "@huggingface/jinja";
import { EngineRefusal } from "../inference/engine.ts";

/** A stretch of the rendered prompt: written by the template, or by whoever wrote the messages. */
export interface Stretch {
  readonly text: string;
  /** Control tokens in it are meant. */
  readonly trusted: boolean;
}

/** Stands around the number of a literal. From Unicode's private use area, so that no template writes it. */
const MARK = "\uE0F0";
const marked = new RegExp(`${MARK}(\\d+)${MARK}`);

/**
 * A model's own chat template (Jinja, from its GGUF file), kept apart from the text that fills it.
 *
 * Where a message spells a control token, as in `<|im_end|>`, the spelling is taken out before rendering
 * and put back afterwards as a stretch of its own, to be tokenized as plain text. So a caller can write
 * about control tokens, and cannot use them.
 */
export class ChatTemplate {
  readonly #template: Template;
  readonly #spellings: RegExp;
  readonly #facts: { readonly bos_token: string; readonly eos_token: string };

  /** @throws SyntaxError of the template's own */
  constructor(source: string, controlTokens: readonly string[], bosToken: string, eosToken: string) {
    this.#template = new Template(source);
    // The longest first, so that a token which begins with another one is taken whole.
    const spellings = [MARK, ...controlTokens.toSorted((a, b) => b.length - a.length)];
    this.#spellings = new RegExp(spellings.map((spelling) => RegExp.escape(spelling)).join("|"), "g");
    this.#facts = { bos_token: bosToken, eos_token: eosToken };
  }

  /** @throws EngineRefusal where the template does not take these messages, e.g. two of one role in a row */
  render(messages: readonly Message[]): Stretch[] {
    const literals: string[] = [];
    const aside = (literal: string) => `${MARK}${literals.push(literal) - 1}${MARK}`;
    const text = this.#rendered({
      messages: messages.map(({ role, text: content }) => ({
        role,
        content: content.replaceAll(this.#spellings, aside),
      })),
      add_generation_prompt: true,
      ...this.#facts,
    });
    // Every other part is the number between two marks.
    return text
      .split(marked)
      .map((part, at) =>
        at % 2 === 0 ? { text: part, trusted: true } : { text: literals[Number(part)] ?? "", trusted: false },
      )
      .filter(({ text: part }) => part !== "");
  }

  #rendered(facts: Record<string, unknown>): string {
    try {
      return this.#template.render(facts);
    } catch {
      // The template's own words may quote a message, so they end here.
      throw new EngineRefusal("messages_refused");
    }
  }
}
