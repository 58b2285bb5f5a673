import { LlamaVocabularyType, type Token } from "node-llama-cpp";
import { describe, expect, it } from "vitest";
import { tokenBytes } from "./llama-tokens.ts";

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
