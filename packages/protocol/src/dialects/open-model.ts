import type * as z from "zod";
import { NetworkError } from "../failures.ts";
import { ourWords, type ParamPath } from "../ids.ts";
import { anyObject, type Schema } from "../schema/shape.ts";
import { PATTERN_CHARS_MAX, PATTERN_GROUPS_MAX, PATTERN_REPEATS_MAX, readPattern } from "../schema/pattern.ts";
import { invalid, unsupported } from "./fields.ts";
import type { Job, Sampling } from "./job.ts";
import type {
  guidedShape,
  samplerShape,
  templateShape,
  thinkingShape,
  continuationShape,
} from "./open-model-fields.ts";
import { readFormat } from "./tools.ts";

type Given<Shape extends z.core.$ZodShape> = z.infer<z.ZodObject<Shape>>;

/** What a job says of the form of its answer. */
export type Form = Pick<Job, "format" | "formatIsText" | "formatParam">;

export const samplerOf = (request: Given<typeof samplerShape>): Pick<Sampling, "minP" | "repetitionPenalty"> => ({
  minP: request.min_p ?? 0,
  repetitionPenalty: request.repetition_penalty ?? request.repeat_penalty ?? 1,
});

/**
 * The form that a request asks for: by the dialect's own field, or by one of those that servers of open models have.
 *
 * @param own what the dialect's own field asks for, and its name
 * @throws NetworkError `body_invalid` where several are asked for, `unsupported` where one cannot be kept to
 */
export function formOf(
  request: Given<typeof guidedShape>,
  own: { readonly format: Schema | undefined; readonly param: string },
  { toolChoice }: Pick<Job, "toolChoice">,
): Form {
  const guided = guidedForms(request);
  const [one, another] = guided;
  if (!one) return own.format ? { format: own.format } : {};
  if (another || own.format)
    throw invalid(another?.param ?? own.param, ourWords`an answer has one form; leave the others out`);
  const form = one.read();
  if (form.formatIsText && toolChoice !== "none")
    throw unsupported(
      one.param,
      ourWords`with tools that may be called an answer's form is JSON; send 'tool_choice' "none"`,
    );
  return { ...form, formatParam: one.param as ParamPath };
}

interface Guided {
  readonly param: string;
  readonly read: () => Form;
}

function guidedForms(request: Given<typeof guidedShape>): readonly Guided[] {
  const { structured_outputs: more } = request;
  const known: readonly (readonly [param: string, value: unknown, read: (value: never, param: string) => Form])[] = [
    ["guided_json", request.guided_json, jsonForm],
    ["json_schema", request.json_schema, jsonForm],
    ["structured_outputs.json", more?.json, jsonForm],
    ["guided_regex", request.guided_regex, regexForm],
    ["structured_outputs.regex", more?.regex, regexForm],
    ["guided_choice", request.guided_choice, choiceForm],
    ["structured_outputs.choice", more?.choice, choiceForm],
    ["structured_outputs.json_object", more?.json_object === true ? true : undefined, () => ({ format: anyObject })],
  ];
  return known
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([param, value, read]) => ({ param, read: () => read(value as never, param) }));
}

function jsonForm(given: string | object, param: string): Form {
  return { format: readFormat(typeof given === "string" ? schemaIn(given, param) : given, true, param) };
}

/** The parser's own words would quote the text. */
function schemaIn(text: string, param: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(param, ourWords`expected a JSON Schema, an object or its JSON text`);
  }
}

/** As a whole: a regular expression of these servers is not looked for inside of a text. */
function regexForm(given: string, param: string): Form {
  // By itself first, so that no bracket of it can close ours.
  if (!readPattern(given)) throw unsupported(param, unreadable);
  try {
    return { format: readFormat({ type: "string", pattern: `^(?:${given})$` }, true, param), formatIsText: true };
  } catch (error) {
    // A schema's words would not fit: there is none.
    if (error instanceof NetworkError && error.failure.code === "unsupported") throw unsupported(param, tooLarge);
    throw error;
  }
}

const unreadable = ourWords`it cannot be enforced while a model writes: it may have classes, groups, alternatives, anchors and repetitions of at most ${PATTERN_REPEATS_MAX}, in ${PATTERN_CHARS_MAX} characters and ${PATTERN_GROUPS_MAX} groups within each other, but no look-around, back reference or word boundary`;
const tooLarge = ourWords`either no text is of it, or it is too large to be enforced while a model writes; use smaller repetitions, and fewer within each other`;

const choiceForm = (given: readonly string[], param: string): Form => ({
  format: readFormat({ type: "string", enum: given }, true, param),
  formatIsText: true,
});

/** The efforts that templates know by name. */
const efforts: Readonly<Record<string, string>> = {
  minimal: "low",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "high",
  max: "high",
};

type TemplateFields = Pick<Given<typeof templateShape>, "chat_template_kwargs" | "enable_thinking"> &
  Partial<Given<typeof thinkingShape>>;

/**
 * What a template is told beside the messages.
 *
 * @param effort the dialect's own word for how much is thought, which a template may read as `reasoning_effort`
 */
export function settingsOf(
  { chat_template_kwargs: given }: TemplateFields,
  effort: string | null | undefined,
): Pick<Job, "settings"> {
  const told = efforts[effort ?? ""];
  const settings = [
    ...(told === undefined ? [] : [["reasoning_effort", told] as const]),
    ...Object.entries(given ?? {}),
  ];
  return settings.length > 0 ? { settings } : {};
}

/**
 * Whether a model thinks, where somebody said so.
 *
 * @param effort of a dialect that turns thinking on and off by it
 * @throws NetworkError `body_invalid` where `thinking` and another field disagree
 */
export function thinksOf(fields: TemplateFields, effort?: string | null): Pick<Job, "thinks" | "thinksOrRefuses"> {
  const others = thinksBy(fields, effort);
  const { type } = fields.thinking ?? {};
  if (type !== "enabled" && type !== "disabled") return others;
  const thinks = type === "enabled";
  if (others.thinks === !thinks)
    throw invalid("thinking", ourWords`another field says otherwise; leave one of them out`);
  return { thinks, thinksOrRefuses: true };
}

function thinksBy(
  { chat_template_kwargs: given, enable_thinking: asked }: TemplateFields,
  effort: string | null | undefined,
): Pick<Job, "thinks"> {
  if (typeof effort === "string") return { thinks: effort !== "none" };
  const kwargs = new Map(Object.entries(given ?? {}));
  const thinks = [asked, kwargs.get("enable_thinking"), kwargs.get("thinking")].find(
    (value) => typeof value === "boolean",
  );
  return thinks === undefined ? {} : { thinks };
}

/** Whether the assistant's last message is gone on with; undefined: nobody said. */
export function continuationWanted(request: Given<typeof continuationShape>): boolean | undefined {
  const { continue_final_message: continues, add_generation_prompt: answers } = request;
  if (continues === true && answers === true)
    throw invalid("add_generation_prompt", ourWords`a message is gone on with or answered, not both`);
  if (answers === false && continues !== true)
    throw unsupported(
      "add_generation_prompt",
      ourWords`a prompt ends where the assistant's answer begins; send 'continue_final_message' to go on with a message`,
    );
  if (typeof continues === "boolean") return continues;
  return answers === true ? false : undefined;
}
