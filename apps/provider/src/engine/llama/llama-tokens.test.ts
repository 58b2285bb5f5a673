import { LlamaVocabularyType, type Token } from "node-llama-cpp";
import { describe, expect, it } from "vitest";
import { TOKEN_BYTES_MAX } from "@darkbloom/protocol/limits";
import { longestTokenBytes, tokenBytes, tokenize } from "./llama-tokens.ts";

const [NORMAL, CONTROL, USER_DEFINED, BYTE] = [1, 3, 4, 6];

describe("the bytes of a token", () => {
  it.each<[string, LlamaVocabularyType, string, number, readonly number[]]>([
    ["byte-level BPE, a word after a space", LlamaVocabularyType.bpe, "Ġrain", NORMAL, [0x20, 0x72, 0x61, 0x69, 0x6e]],
    ["byte-level BPE, a line's end", LlamaVocabularyType.bpe, "Ċ", NORMAL, [0x0a]],
    ["byte-level BPE, a character", LlamaVocabularyType.bpe, "Ã©", NORMAL, [0xc3, 0xa9]],
    ["byte-level BPE, a part of one", LlamaVocabularyType.bpe, "âĺ", NORMAL, [0xe2, 0x98]],
    ["byte-level BPE, the last byte that is renamed", LlamaVocabularyType.bpe, "\u0143", NORMAL, [0xad]],
    ["SentencePiece, a word after a space", LlamaVocabularyType.spm, "\u2581é", NORMAL, [0x20, 0xc3, 0xa9]],
    ["SentencePiece, one byte", LlamaVocabularyType.spm, "<0xE2>", BYTE, [0xe2]],
    ["a control token", LlamaVocabularyType.bpe, "<s>", CONTROL, [0x3c, 0x73, 0x3e]],
    ["a token that somebody added", LlamaVocabularyType.bpe, "é", USER_DEFINED, [0xc3, 0xa9]],
  ])("%s", (_, vocabularyType, text, type, bytes) => {
    expect(tokenBytes(vocabularyType, { tokens: [text], token_type: [type] })(0 as Token)).toEqual(bytes);
  });
});

/** Goal: no token is longer than what is said. Method: vocabularies whose longest token is not the one with the longest spelling. */
describe("the longest token of a vocabulary", () => {
  it.each<[string, LlamaVocabularyType, readonly string[], number]>([
    ["byte-level BPE", LlamaVocabularyType.bpe, ["a", "Ã©Ã©", "Ġrain"], 5],
    ["SentencePiece", LlamaVocabularyType.spm, ["rain", "\u2581\u2581ééé"], 8],
    ["a later and shorter spelling with more bytes", LlamaVocabularyType.spm, ["rain", "\u6f22\u6f22"], 6],
    ["one that has a token for whatever it does not know", LlamaVocabularyType.wpm, ["a"], TOKEN_BYTES_MAX],
    ["more than anybody assumes", LlamaVocabularyType.spm, ["x".repeat(TOKEN_BYTES_MAX + 1)], TOKEN_BYTES_MAX],
    ["none", LlamaVocabularyType.bpe, [], 1],
  ])("%s", (_, type, tokens, bytes) => {
    expect(longestTokenBytes(type, { tokens, token_type: tokens.map(() => NORMAL) })).toBe(bytes);
  });
});

/** Goal: a prompt of any length becomes tokens. Method: more of them than a call takes arguments. */
it("takes a prompt of a million tokens", () => {
  const model = {
    tokenize: (text: string) => Array.from({ length: text.length }, (_, at) => at as Token),
    tokens: { bos: null, shouldPrependBosToken: false },
    vocabularyType: LlamaVocabularyType.bpe,
  };
  const stretches = [{ text: "x".repeat(1_000_000), trusted: true }];
  expect(tokenize(model, stretches)).toHaveLength(1_000_000);
});
