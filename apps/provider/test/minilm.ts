import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { arrayOf, flag, float, ggufBytes, strings, text, uint, type Tensor } from "./gguf-writer.ts";

/** How a BERT's tensors are called in a GGUF file: https://github.com/ggml-org/llama.cpp/blob/master/gguf-py/gguf/tensor_mapping.py */
const names: readonly (readonly [RegExp, string])[] = [
  [/^embeddings\.word_embeddings\./, "token_embd."],
  [/^embeddings\.position_embeddings\./, "position_embd."],
  [/^embeddings\.token_type_embeddings\./, "token_types."],
  [/^embeddings\.LayerNorm\./, "token_embd_norm."],
  [/^encoder\.layer\.(\d+)\.attention\.self\.(q)uery\./, "blk.$1.attn_$2."],
  [/^encoder\.layer\.(\d+)\.attention\.self\.(k)ey\./, "blk.$1.attn_$2."],
  [/^encoder\.layer\.(\d+)\.attention\.self\.(v)alue\./, "blk.$1.attn_$2."],
  [/^encoder\.layer\.(\d+)\.attention\.output\.dense\./, "blk.$1.attn_output."],
  [/^encoder\.layer\.(\d+)\.attention\.output\.LayerNorm\./, "blk.$1.attn_output_norm."],
  [/^encoder\.layer\.(\d+)\.intermediate\.dense\./, "blk.$1.ffn_up."],
  [/^encoder\.layer\.(\d+)\.output\.dense\./, "blk.$1.ffn_down."],
  [/^encoder\.layer\.(\d+)\.output\.LayerNorm\./, "blk.$1.layer_output_norm."],
];

interface BertConfig {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
}

/** Writes the weights of a folder as sentence-transformers keeps them as one GGUF file, in 32-bit floats, as they are. */
export function writeMiniLm(folder: string, path: string): void {
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as BertConfig;
  const vocabulary = readFileSync(join(folder, "vocab.txt"), "utf8").trimEnd().split("\n");
  const isSpecial = (token: string) => /^\[(?:PAD|UNK|CLS|SEP|MASK)\]$/.test(token);
  const written = (token: string) =>
    /^\[.*\]$/.test(token) ? token : token.startsWith("##") ? token.slice(2) : `▁${token}`;
  const idOf = (token: string) => uint(vocabulary.indexOf(token));
  const metadata = {
    "general.architecture": text("bert"),
    "general.name": text("all-MiniLM-L6-v2"),
    "bert.context_length": uint(config.max_position_embeddings),
    "bert.embedding_length": uint(config.hidden_size),
    "bert.block_count": uint(config.num_hidden_layers),
    "bert.feed_forward_length": uint(config.intermediate_size),
    "bert.attention.head_count": uint(config.num_attention_heads),
    "bert.attention.layer_norm_epsilon": float(1e-12),
    "bert.attention.causal": flag(false),
    // The mean of all tokens, as its `1_Pooling/config.json` says.
    "bert.pooling_type": uint(1),
    "tokenizer.ggml.model": text("bert"),
    "tokenizer.ggml.pre": text("jina-v2-en"),
    "tokenizer.ggml.token_type_count": uint(config.type_vocab_size),
    "tokenizer.ggml.tokens": strings(vocabulary.map(written)),
    "tokenizer.ggml.token_type": arrayOf(vocabulary.map((token) => (isSpecial(token) ? 3 : 1))),
    "tokenizer.ggml.bos_token_id": idOf("[CLS]"),
    "tokenizer.ggml.cls_token_id": idOf("[CLS]"),
    "tokenizer.ggml.seperator_token_id": idOf("[SEP]"),
    "tokenizer.ggml.unknown_token_id": idOf("[UNK]"),
    "tokenizer.ggml.padding_token_id": idOf("[PAD]"),
    "tokenizer.ggml.mask_token_id": idOf("[MASK]"),
  };
  writeFileSync(path, ggufBytes(metadata, tensorsIn(readFileSync(join(folder, "model.safetensors")))));
}

/** A length, a head in JSON, and the numbers: https://github.com/huggingface/safetensors#format */
function tensorsIn(file: Buffer): Tensor[] {
  const headBytes = Number(file.readBigUInt64LE(0));
  const head = JSON.parse(file.toString("utf8", 8, 8 + headBytes)) as Record<
    string,
    { readonly dtype: string; readonly shape: readonly number[]; readonly data_offsets: readonly [number, number] }
  >;
  return Object.entries(head).flatMap(([name, facts]) => {
    const known = names.find(([pattern]) => pattern.test(name));
    if (!known || facts.dtype !== "F32") return [];
    const [from, to] = facts.data_offsets;
    const bytes = Uint8Array.from(file.subarray(8 + headBytes + from, 8 + headBytes + to));
    const [rows = 1, columns] = facts.shape;
    return [
      {
        name: name.replace(...known),
        rows: columns === undefined ? 1 : rows,
        columns: columns ?? rows,
        values: new Float32Array(bytes.buffer),
      },
    ];
  });
}
