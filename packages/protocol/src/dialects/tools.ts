import { ourWords } from "../ids.ts";
import { TOOL_NAME_CHARS_MAX, TOOLS_MAX } from "../limits.ts";
import { SchemaAllowance } from "../schema/allowance.ts";
import { readSchema } from "../schema/read-schema.ts";
import type { Schema } from "../schema/shape.ts";
import { invalid, unsupported } from "./fields.ts";
import type { Tool, ToolChoice } from "./job.ts";

/** As Anthropic has it, and with the dots that servers of MCP put into theirs. OpenAI takes fewer. */
export const toolName = new RegExp(`^[a-zA-Z0-9_.-]{1,${TOOL_NAME_CHARS_MAX}}$`);
export const toolNameWords = ourWords`a tool's name has 1 to ${TOOL_NAME_CHARS_MAX} letters, digits, '_', '-' or '.'`;

export interface GivenTool {
  readonly name: string;
  readonly description?: string | undefined;
  /** JSON Schema of an object; absent: no arguments. */
  readonly parameters: unknown;
  /** True: kept to the schema, or refused. False: as far as can be. Absent: kept to it where that is possible. */
  readonly strict: boolean | undefined;
  /** Its path in the body; absent: `tools` and its place among those given. */
  readonly where?: string;
}

/** Where a dialect has a tool's name and its schema, below the tool. */
export interface ToolFields {
  readonly name: string;
  readonly parameters: string;
}

/** @throws NetworkError `body_invalid` or `unsupported`, naming the field of `tools` and nothing that was sent */
export function readTools(given: readonly GivenTool[], fields: ToolFields): readonly Tool[] {
  if (given.length > TOOLS_MAX) throw invalid("tools", ourWords`expected at most ${TOOLS_MAX} tools`);
  const names = new Set<string>();
  const allowance = new SchemaAllowance();
  return given.map(({ name, description, parameters, strict, where }, at) => {
    const path = where ?? `tools.${at}`;
    const nameParam = `${path}.${fields.name}`;
    if (!toolName.test(name)) throw invalid(nameParam, toolNameWords);
    if (names.has(name)) throw invalid(nameParam, ourWords`every tool needs a name of its own`);
    names.add(name);
    const param = `${path}.${fields.parameters}`;
    const schema = parameters ?? { type: "object", properties: {} };
    if (!isObject(schema)) throw invalid(param, ourWords`a tool's parameters are a JSON Schema, an object`);
    return {
      name,
      ...(description !== undefined && { description }),
      parameters: schema,
      schema: schemaOf(schema, strict, param, allowance),
    };
  });
}

/** The schema that an answer must keep to. Without `strict` it is kept to as far as can be. */
export const readFormat = (schema: unknown, strict: boolean, param: string): Schema =>
  schemaOf(schema, strict, param, new SchemaAllowance());

function schemaOf(schema: unknown, strict: boolean | undefined, param: string, allowance: SchemaAllowance): Schema {
  const read = readSchema(schema, strict === false ? "relaxed" : "exact", allowance);
  if ("schema" in read) return read.schema;
  const relaxed = strict === undefined ? readSchema(schema, "relaxed", allowance) : read;
  if ("schema" in relaxed) return relaxed.schema;
  throw unsupported(param, read.refused);
}

/** @throws NetworkError `body_invalid` where a named tool is not among them, or one is required and none is there */
export function checkToolChoice(choice: ToolChoice, tools: readonly Tool[], param: string): void {
  if (typeof choice === "object" && !tools.some(({ name }) => name === choice.name))
    throw invalid(param, ourWords`it names a tool that is not in 'tools'`);
  if (choice === "required" && tools.length === 0)
    throw invalid(param, ourWords`a tool is required and 'tools' has none`);
}

/**
 * The arguments of a call in the history, as JSON text of an object, or the beginning of one: a call that
 * `max_tokens` cut comes back as it was told.
 */
export function argumentsOf(text: string, param: string): string {
  if (text.trim() === "") return "{}";
  try {
    if (isObject(JSON.parse(text))) return text;
  } catch {
    if (beginsObject.test(text)) return text;
    // Else it is said below, without the parser's words, which quote the text.
  }
  throw invalid(param, ourWords`a call's arguments are the JSON text of an object`);
}

/** A brace, and the first member or nothing. */
const beginsObject = /^\s*\{\s*(?:"|$)/;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
