import * as z from "zod";

/** Models as Anthropic's SDKs list them. What nobody here knows of a model is null, where the API itself lets it be. */
export const anthropicModelSchema = z
  .object({
    type: z.literal("model"),
    id: z.string(),
    display_name: z.string(),
    created_at: z.iso.datetime(),
    max_input_tokens: z.int().meta({ description: "The model's context" }),
    max_tokens: z.int().meta({ description: "The most that an answer may have" }),
    capabilities: z.null().meta({ description: "What a model's template can is known to the machines that serve it" }),
    lifecycle: z.literal("active"),
    line: z.null(),
    deprecated_at: z.null(),
    retires_at: z.null(),
  })
  .meta({ description: "A model, with the header anthropic-version" });
export type AnthropicModel = z.infer<typeof anthropicModelSchema>;

const edge = z.string().nullable();
export const anthropicModelsSchema = z
  .object({
    data: z.array(anthropicModelSchema),
    has_more: z.boolean().meta({ description: "Whether there are more in the direction that was asked for" }),
    first_id: edge.meta({ description: "For before_id of the page before this one" }),
    last_id: edge.meta({ description: "For after_id of the page after this one" }),
  })
  .meta({ description: "A page of the models that answer messages, with the header anthropic-version" });
export type AnthropicModels = z.infer<typeof anthropicModelsSchema>;
