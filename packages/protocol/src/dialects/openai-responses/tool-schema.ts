import * as z from "zod";
import { TOOLS_MAX } from "../../limits.ts";

/** The tools of a Responses request: the caller's own in three forms, and those that others host. */

const text = z.string();
export const jsonSchema = z.looseObject({}).meta({ description: "JSON Schema" });
const functionTool = z.object({
  type: z.literal("function"),
  name: text,
  description: text.nullish(),
  parameters: jsonSchema.nullish(),
  strict: z.boolean().nullish(),
});
const customTool = z
  .object({
    type: z.literal("custom"),
    name: text,
    description: text.nullish(),
    format: z
      .discriminatedUnion("type", [
        z.object({ type: z.literal("text") }),
        z.object({ type: z.literal("grammar"), syntax: z.enum(["lark", "regex"]), definition: text }),
      ])
      .nullish(),
  })
  .meta({
    description:
      "Its input is text. A regex is kept to where it can be; a lark grammar is told to the model and not kept to",
  });
/** What others run on their servers. It is left out beside functions: a model can answer without it. */
export const hostedTools = [
  "web_search",
  "web_search_2025_08_26",
  "web_search_preview",
  "web_search_preview_2025_03_11",
  "image_generation",
  "code_interpreter",
  "tool_search",
] as const;
export const toolSchema = z.discriminatedUnion("type", [
  functionTool,
  customTool,
  z
    .object({
      type: z.literal("namespace"),
      name: z.string().min(1).max(256),
      description: text.nullish(),
      tools: z.array(z.discriminatedUnion("type", [functionTool, customTool])).max(TOOLS_MAX),
    })
    .meta({ description: "Its tools are told like any others; a call of one names the namespace" }),
  z.object({ type: z.enum(hostedTools) }).meta({ description: "Left out where other tools stand beside it" }),
]);
const chosenTool = z.object({
  type: z.enum(["function", "custom"]),
  name: text,
  namespace: z.string().nullish(),
});
export const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  chosenTool,
  z.object({
    type: z.literal("allowed_tools"),
    mode: z.enum(["auto", "required"]),
    tools: z.array(z.looseObject({ type: text, name: text.optional() })).max(TOOLS_MAX),
  }),
]);
