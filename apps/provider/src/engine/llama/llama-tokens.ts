import { TOKEN_BYTES_MAX } from "@darkbloom/protocol/limits";
import { type GgufFileInfo, type LlamaModel, LlamaVocabularyType, type Token } from "node-llama-cpp";
import type { Stretch } from "../../language/chat-template.ts";

/** Of GGUF's `tokenizer.ggml.token_type`: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
const TYPE_CONTROL = 3;
const TYPE_USER_DEFINED = 4;
/** Spelled `<0xE4>`. */
const TYPE_BYTE = 6;
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

type Tokenizing = {
  tokenize(text: string, specialTokens?: boolean, options?: "trimLeadingSpace"): Token[];
  readonly tokens: Pick<LlamaModel["tokens"], "bos" | "shouldPrependBosToken">;
  readonly vocabularyType: LlamaVocabularyType;
};

/** The prompt's tokens. What came from messages is plain text, whatever it spells. */
export function tokenize(model: Tokenizing, stretches: readonly Stretch[]): Token[] {
  const tokens: Token[] = [];
  for (const { text, trusted } of stretches) {
    // llama.cpp finds user-defined tokens in plain text too: a spelling without its first character is none.
    const cuts = trusted ? [text] : [text.slice(0, 1), text.slice(1)];
    for (const cut of cuts) {
      const options = tokens.length > 0 && addsSpaces(model) ? "trimLeadingSpace" : undefined;
      // One by one: a long prompt has more tokens than a call takes arguments.
      for (const token of model.tokenize(cut, trusted, options)) tokens.push(token);
    }
  }
  const { bos, shouldPrependBosToken } = model.tokens;
  return shouldPrependBosToken && bos !== null && tokens[0] !== bos ? [bos].concat(tokens) : tokens;
}

/** SentencePiece begins every text with a space of its own, which is right only where the prompt begins. */
const addsSpaces = ({ vocabularyType }: Tokenizing): boolean => vocabularyType === LlamaVocabularyType.spm;

/** In some models the tags of thoughts and calls are control tokens, which detokenizing drops; ours must see them. */
export function textOf(model: LlamaModel, tags: ReadonlySet<Token>) {
  return (tokens: readonly Token[], before: readonly Token[]): string =>
    model.detokenize(
      tokens,
      tokens.some((token) => tags.has(token)),
      before,
    );
}

/** The tokens that spell a whole tag. */
export function tagTokens(model: LlamaModel, tags: readonly string[]): Set<Token> {
  const whole = tags
    .filter((tag) => tag !== "")
    .map((tag) => model.tokenize(tag, true))
    .filter(({ length }) => length === 1);
  return new Set(whole.flat());
}

/**
 * The bytes that a token stands for, also where they are a part of a character only. Control tokens are
 * their spelling.
 */
export function tokenBytes(
  vocabularyType: LlamaVocabularyType,
  vocabulary: { readonly tokens: readonly string[]; readonly token_type: readonly number[] },
): (token: Token) => number[] {
  return (token) => {
    const text = vocabulary.tokens[token] ?? "";
    const type = vocabulary.token_type[token];
    if (type === TYPE_BYTE) return [Number(text.slice(1, -1))];
    if (type === TYPE_CONTROL || type === TYPE_USER_DEFINED) return [...utf8.encode(text)];
    if (vocabularyType !== LlamaVocabularyType.bpe) return [...utf8.encode(text.replaceAll(SENTENCEPIECE_SPACE, " "))];
    return Array.from(text, (character) => byteSpellings.get(character) ?? [...utf8.encode(character)]).flat();
  };
}

/**
 * Bytes of the longest token. Where a vocabulary has a token for whatever it does not know (WordPiece, Unigram) a
 * token can stand for more than it spells, and for no more than the bound that everybody assumes.
 */
export function longestTokenBytes(
  vocabularyType: LlamaVocabularyType,
  vocabulary: Parameters<typeof tokenBytes>[1],
): number {
  if (vocabularyType !== LlamaVocabularyType.bpe && vocabularyType !== LlamaVocabularyType.spm) return TOKEN_BYTES_MAX;
  const bytesOf = tokenBytes(vocabularyType, vocabulary);
  let longest = 1;
  for (const [at, text] of vocabulary.tokens.entries())
    // No character has more than three bytes for each of its UTF-16 units, so most need no closer look.
    if (text.length * 3 > longest) longest = Math.max(longest, bytesOf(at as Token).length);
  return Math.min(longest, TOKEN_BYTES_MAX);
}

export const tokenBytesMaxOf = (model: LlamaModel): number =>
  longestTokenBytes(model.vocabularyType, model.fileInfo.metadata.tokenizer.ggml);

const utf8 = new TextEncoder();
const SENTENCEPIECE_SPACE = "\u2581";

/**
 * How byte-level BPE spells bytes in its vocabulary: printable Latin-1 characters as themselves, the others
 * as characters from U+0100 on.
 */
const byteSpellings: ReadonlyMap<string, number> = (() => {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let next = 0x100;
  return new Map(
    Array.from({ length: 256 }, (_, byte) => [String.fromCodePoint(printable(byte) ? byte : next++), byte] as const),
  );
})();
