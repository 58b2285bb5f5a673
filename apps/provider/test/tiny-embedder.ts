import { writeFileSync } from "node:fs";
import { arrayOf, flag, float, ggufBytes, strings, text, uint, type Tensor } from "./gguf-writer.ts";

/** Sizes of a model of embeddings that is as small as one can be. */
const WIDTH = 64;
const HEADS = 4;
const LAYERS = 2;
const FEED_FORWARD = 128;
const EPSILON = 1e-12;
export const TINY_CONTEXT_TOKENS = 64;
export const TINY_DIMENSIONS = WIDTH;

const SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] as const;
export const [PAD, UNKNOWN, BEGIN, END] = [0, 1, 2, 3];
const letters = Array.from("abcdefghijklmnopqrstuvwxyz0123456789.,?!");
const words = ["rain", "snow", "cat", "dog", "the", "falls", "sleeps", "on", "hill", "soft", "what", "is"];
/** WordPiece as llama.cpp keeps it: what begins a word stands behind a low line of its own. */
const vocabulary = [
  ...SPECIALS,
  ...words.map((word) => `▁${word}`),
  ...letters.map((letter) => `▁${letter}`),
  ...letters,
];
export const TINY_VOCABULARY_TOKENS = vocabulary.length;
/** Of a word in the vocabulary. */
export const tokenOf = (word: string): number => vocabulary.indexOf(`▁${word}`);

/** As llama.cpp numbers them: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
const poolings = { none: 0, mean: 1, cls: 2, last: 3, rank: 4 } as const;
export type Pooling = keyof typeof poolings;

type Weights = ReadonlyMap<string, Tensor>;

/**
 * Writes a BERT of two layers with weights that follow from their place alone: llama.cpp runs it like any other, and its
 * vectors can be computed here too. It knows nothing of any language; texts with the same words are near each other.
 */
export function writeTinyEmbedder(path: string, pooling: Pooling | undefined): void {
  const metadata = {
    "general.architecture": text("bert"),
    "general.name": text("tiny-embedder"),
    "bert.context_length": uint(TINY_CONTEXT_TOKENS),
    "bert.embedding_length": uint(WIDTH),
    "bert.block_count": uint(LAYERS),
    "bert.feed_forward_length": uint(FEED_FORWARD),
    "bert.attention.head_count": uint(HEADS),
    "bert.attention.layer_norm_epsilon": float(EPSILON),
    "bert.attention.causal": flag(false),
    ...(pooling && { "bert.pooling_type": uint(poolings[pooling]) }),
    "tokenizer.ggml.model": text("bert"),
    "tokenizer.ggml.pre": text("jina-v2-en"),
    "tokenizer.ggml.token_type_count": uint(1),
    "tokenizer.ggml.tokens": strings(vocabulary),
    "tokenizer.ggml.token_type": arrayOf(vocabulary.map((_, token) => (token < SPECIALS.length ? 3 : 1))),
    "tokenizer.ggml.bos_token_id": uint(BEGIN),
    "tokenizer.ggml.cls_token_id": uint(BEGIN),
    "tokenizer.ggml.seperator_token_id": uint(END),
    "tokenizer.ggml.unknown_token_id": uint(UNKNOWN),
    "tokenizer.ggml.padding_token_id": uint(PAD),
  };
  writeFileSync(path, ggufBytes(metadata, [...weightsOf().values()]));
}

/** Numbers between −1 and 1 by a linear congruence (Numerical Recipes, "ranqd1"). */
function* drawn(seed: number): Generator<number, never> {
  for (let state = seed >>> 0; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 31 - 1;
  }
}

function weightsOf(): Weights {
  const weights = new Map<string, Tensor>();
  const add = (name: string, rows: number, columns: number, about: number, spread: number): void => {
    const numbers = drawn(weights.size + 1);
    const values = Float32Array.from({ length: rows * columns }, () => about + spread * numbers.next().value);
    weights.set(name, { name, rows, columns, values });
  };
  const matrix = (name: string, rows: number, columns: number) => add(name, rows, columns, 0, Math.sqrt(3 / columns));
  const norm = (name: string) => {
    add(`${name}.weight`, 1, WIDTH, 1, 0.2);
    add(`${name}.bias`, 1, WIDTH, 0, 0.1);
  };
  const linear = (name: string, rows: number, columns: number) => {
    matrix(`${name}.weight`, rows, columns);
    add(`${name}.bias`, 1, rows, 0, 0.1);
  };
  add("token_embd.weight", vocabulary.length, WIDTH, 0, 1);
  add("token_types.weight", 1, WIDTH, 0, 0.1);
  add("position_embd.weight", TINY_CONTEXT_TOKENS, WIDTH, 0, 0.2);
  norm("token_embd_norm");
  for (let layer = 0; layer < LAYERS; layer++) {
    const at = `blk.${layer}`;
    for (const part of ["attn_q", "attn_k", "attn_v", "attn_output"]) linear(`${at}.${part}`, WIDTH, WIDTH);
    norm(`${at}.attn_output_norm`);
    linear(`${at}.ffn_up`, FEED_FORWARD, WIDTH);
    linear(`${at}.ffn_down`, WIDTH, FEED_FORWARD);
    norm(`${at}.layer_output_norm`);
  }
  return weights;
}

/** The vector that the model file stands for, of unit length: BERT as its paper has it, in doubles, one token after another. */
export function tinyVectorOf(tokens: readonly number[], pooling: Exclude<Pooling, "none" | "rank"> = "mean"): number[] {
  const weights = weightsOf();
  const row = (name: string, at = 0): number[] => {
    const { values, columns } = weightOf(weights, name);
    return [...values.subarray(at * columns, (at + 1) * columns)];
  };
  const linear = (name: string, input: readonly number[]): number[] =>
    row(`${name}.bias`).map((bias, at) => bias + dot(row(`${name}.weight`, at), input));
  const norm = (name: string, input: readonly number[]): number[] => {
    const mean = sum(input) / input.length;
    const deviation = Math.sqrt(sum(input.map((x) => (x - mean) ** 2)) / input.length + EPSILON);
    const [scale, bias] = [row(`${name}.weight`), row(`${name}.bias`)];
    return input.map((x, at) => ((x - mean) / deviation) * (scale[at] ?? 0) + (bias[at] ?? 0));
  };

  let states = tokens.map((token, at) =>
    norm(
      "token_embd_norm",
      plus(plus(row("token_embd.weight", token), row("token_types.weight")), row("position_embd.weight", at)),
    ),
  );
  for (let layer = 0; layer < LAYERS; layer++) {
    const at = `blk.${layer}`;
    const [queries, keys, values] = ["attn_q", "attn_k", "attn_v"].map((part) =>
      states.map((state) => linear(`${at}.${part}`, state)),
    ) as [number[][], number[][], number[][]];
    states = states.map((state, place) => {
      const seen = Array.from({ length: HEADS }, (_, head) => {
        const part = (vector: readonly number[] = []) =>
          vector.slice((head * WIDTH) / HEADS, ((head + 1) * WIDTH) / HEADS);
        const shares = softmax(keys.map((key) => dot(part(queries[place]), part(key)) / Math.sqrt(WIDTH / HEADS)));
        return part(weighted(values, shares));
      }).flat();
      const attended = norm(`${at}.attn_output_norm`, plus(linear(`${at}.attn_output`, seen), state));
      const wide = linear(`${at}.ffn_up`, attended).map(gelu);
      return norm(`${at}.layer_output_norm`, plus(linear(`${at}.ffn_down`, wide), attended));
    });
  }
  const pooled = {
    mean: () =>
      weighted(
        states,
        states.map(() => 1 / states.length),
      ),
    cls: () => states[0] ?? [],
    last: () => states.at(-1) ?? [],
  }[pooling]();
  const length = Math.hypot(...pooled);
  return pooled.map((x) => x / length);
}

function weightOf(weights: Weights, name: string): Tensor {
  const found = weights.get(name);
  if (!found) throw new RangeError(`the model has no ${name}`);
  return found;
}

const sum = (list: readonly number[]): number => list.reduce((total, next) => total + next, 0);
export const dot = (one: readonly number[], other: readonly number[]): number =>
  sum(one.map((x, at) => x * (other[at] ?? 0)));
const plus = (one: readonly number[], other: readonly number[]): number[] => one.map((x, at) => x + (other[at] ?? 0));
const weighted = (vectors: readonly (readonly number[])[], shares: readonly number[]): number[] =>
  (vectors[0] ?? []).map((_, column) => sum(vectors.map((vector, at) => (vector[column] ?? 0) * (shares[at] ?? 0))));
const gelu = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

function softmax(scores: readonly number[]): number[] {
  const most = Math.max(...scores);
  const grown = scores.map((score) => Math.exp(score - most));
  return grown.map((value) => value / sum(grown));
}
