import { type GgufFileInfo, type LlamaModel, LlamaVocabularyType, type Token } from "node-llama-cpp";
import type { Stretch } from "./chat-template.ts";

/** Of GGUF's `tokenizer.ggml.token_type`: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
const TYPE_CONTROL = 3;
const TYPE_USER_DEFINED = 4;
/** User-defined tokens are also runs of white space and the like; those that steer look like `<word>` or `[WORD]`. */
const looksLikeControl = /^[<[].*\p{L}.*[>\]]$/u;

/** The spellings that a model reads as steering and not as text. */
export function controlSpellings({ metadata }: GgufFileInfo): string[] {
  const { tokens, token_type: types } = metadata.tokenizer.ggml;
  return tokens.filter((text, at) => {
    const type: number | undefined = types[at];
    return text !== "" && (type === TYPE_CONTROL || (type === TYPE_USER_DEFINED && looksLikeControl.test(text)));
  });
}

/** The prompt's tokens. What came from messages is plain text, whatever it spells. */
export function tokenize(model: LlamaModel, stretches: readonly Stretch[]): Token[] {
  const tokens: Token[] = [];
  for (const { text, trusted } of stretches) {
    // llama.cpp finds user-defined tokens in plain text too: a spelling without its first character is none.
    const cuts = trusted ? [text] : [text.slice(0, 1), text.slice(1)];
    for (const cut of cuts)
      tokens.push(
        ...model.tokenize(cut, trusted, tokens.length > 0 && addsSpaces(model) ? "trimLeadingSpace" : undefined),
      );
  }
  const { bos, shouldPrependBosToken } = model.tokens;
  return shouldPrependBosToken && bos !== null && tokens[0] !== bos ? [bos, ...tokens] : tokens;
}

/** SentencePiece begins every text with a space of its own, which is right only where the prompt begins. */
const addsSpaces = ({ vocabularyType }: LlamaModel): boolean => vocabularyType === LlamaVocabularyType.spm;

/** In some models the tags of the thinking are control tokens, which detokenizing drops; ours must see them. */
export function textOf(model: LlamaModel, thinkTags: ReadonlySet<Token>) {
  return (tokens: readonly Token[], before: readonly Token[]): string =>
    model.detokenize(
      tokens,
      tokens.some((token) => thinkTags.has(token)),
      before,
    );
}

/** The tokens that spell a whole think tag. */
export function thinkTagTokens(model: LlamaModel): Set<Token> {
  const whole = ["<think>", "</think>"].map((tag) => model.tokenize(tag, true)).filter(({ length }) => length === 1);
  return new Set(whole.flat());
}
