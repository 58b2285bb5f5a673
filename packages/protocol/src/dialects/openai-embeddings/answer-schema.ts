import * as z from "zod";

/** What callers of `POST /v1/embeddings` receive. */
export const embeddingsSchema = z
  .object({
    object: z.literal("list"),
    data: z.array(
      z.object({
        object: z.literal("embedding"),
        index: z.int().nonnegative().meta({ description: "Of the input" }),
        embedding: z.union([z.array(z.number()), z.string()]).meta({
          description: "Numbers, or with base64 the same as little-endian 32-bit floats; the vector's length is 1",
        }),
      }),
    ),
    model: z.string().meta({ description: "As it was asked for" }),
    usage: z.object({ prompt_tokens: z.int().nonnegative(), total_tokens: z.int().nonnegative() }),
  })
  .meta({ description: "One vector for each input, in their order" });
export type Embeddings = z.infer<typeof embeddingsSchema>;
