import { ourWords } from "../../ids.ts";
import { invalid, listOf, unsupported } from "../fields.ts";
import type { Tool, ToolChoice } from "../job.ts";
import { checkToolChoice, type GivenTool, readTools } from "../tools.ts";
import { type ResponsesRequest, responsesRequestRules as rules } from "./request-schema.ts";
import { hostedTools } from "./tool-schema.ts";

type Given = NonNullable<ResponsesRequest["tools"]>[number];
type Single = Extract<Given, { type: "function" | "custom" }>;

/** What a caller calls a tool, which the model may know by another name. */
export interface ToolName {
  readonly kind: "function" | "custom";
  readonly name: string;
  readonly namespace?: string;
}

/** The tools of a request under the names by which the model knows them. */
export interface ResponsesTools {
  readonly tools: readonly Tool[];
  readonly choice: ToolChoice;
  /** By the model's name for it. */
  readonly named: ReadonlyMap<string, ToolName>;
  /** What is in force: without the hosted tools that are left out. */
  readonly echoed: readonly Given[];
}

/** The argument of a custom tool, as the model writes it. */
export const CUSTOM_INPUT = "input";

/**
 * Models know functions alone. So a namespace is unfolded into its functions, a custom tool is a function of
 * one text, and a hosted tool is left out where functions stand beside it.
 *
 * @throws NetworkError `body_invalid` or `unsupported`, naming the field
 */
export function toolsOf(request: Pick<ResponsesRequest, "tools" | "tool_choice">): ResponsesTools {
  const given = listOf(request.tools);
  const echoed = given.filter(({ type }) => !isHosted(type));
  if (echoed.length === 0 && given.length > 0)
    throw unsupported(`tools.0.type`, ourWords`nothing is hosted here; send functions that the caller runs`);
  const singles = given.flatMap((tool, at) => singlesOf(tool, `tools.${at}`));
  const named = new Map<string, ToolName>();
  const read = readTools(
    singles.map(({ tool, namespace, where }) => {
      const name = toldName(namespace, tool.name, named);
      named.set(name, { kind: tool.type, name: tool.name, ...(namespace !== undefined && { namespace }) });
      return { ...lowered(tool), name, where };
    }),
    { name: "name", parameters: "parameters" },
  );
  return { ...chosen(request.tool_choice, read, named), named, echoed };
}

const isHosted = (type: string): boolean => (hostedTools as readonly string[]).includes(type);

/** The model's name for a tool: its own, and its namespace's before it where the name alone is taken. */
export function toldName(
  namespace: string | null | undefined,
  name: string,
  named: ReadonlyMap<string, ToolName>,
): string {
  for (const [told, known] of named)
    if (known.name === name && known.namespace === (namespace ?? undefined)) return told;
  return namespace && named.has(name) ? `${namespace}__${name}` : name;
}

interface Placed {
  readonly tool: Single;
  readonly where: string;
  readonly namespace?: string;
}

function singlesOf(tool: Given, where: string): readonly Placed[] {
  if (tool.type === "function" || tool.type === "custom") return [{ tool, where }];
  if (tool.type !== "namespace") return [];
  return tool.tools.map((inner, at) => ({ tool: inner, where: `${where}.tools.${at}`, namespace: tool.name }));
}

/** Without `strict` OpenAI keeps to a schema where it can, and so do we. */
function lowered(tool: Single): GivenTool {
  const { name, description } = tool;
  if (tool.type === "function")
    return {
      name,
      description: description ?? undefined,
      parameters: tool.parameters ?? undefined,
      strict: tool.strict ?? undefined,
    };
  const { format } = tool;
  const grammar = format?.type === "grammar" ? format : undefined;
  const told = grammar && `Its ${CUSTOM_INPUT} is a text of this ${grammar.syntax} grammar:\n${grammar.definition}`;
  const lines = [description, told].filter((line) => typeof line === "string");
  return {
    name,
    description: lines.length === 0 ? undefined : lines.join("\n"),
    parameters: {
      type: "object",
      properties: {
        [CUSTOM_INPUT]: {
          type: "string",
          ...(grammar?.syntax === "regex" && { pattern: `^(?:${grammar.definition})$` }),
        },
      },
      required: [CUSTOM_INPUT],
      additionalProperties: false,
    },
    strict: undefined,
  };
}

/** Which tools may be called, and whether one must. Tools that are not allowed are not told. */
function chosen(
  given: ResponsesRequest["tool_choice"],
  tools: readonly Tool[],
  named: ReadonlyMap<string, ToolName>,
): Pick<ResponsesTools, "tools" | "choice"> {
  const toldNameOf = (wanted: { readonly name: string; readonly namespace?: string | null | undefined }) =>
    toldName(wanted.namespace, wanted.name, named);
  const choice = typeof given === "object" && given !== null ? given : (given ?? "auto");
  if (typeof choice === "string") {
    checkToolChoice(choice, tools, "tool_choice");
    return { tools, choice: tools.length === 0 ? "none" : choice };
  }
  if (choice.type !== "allowed_tools") {
    const one = { name: toldNameOf(choice) };
    checkToolChoice(one, tools, "tool_choice");
    return { tools, choice: one };
  }
  const names = new Set(
    choice.tools.flatMap((tool) => (tool.name === undefined ? [] : [toldNameOf({ ...tool, name: tool.name })])),
  );
  const allowed = tools.filter(({ name }) => names.has(name));
  if (allowed.length === 0) throw invalid("tool_choice.tools", rules["tool_choice.tools"].expected);
  return { tools: allowed, choice: choice.mode };
}
