import type { Serial } from "../ids.ts";
import { promptSizeOf } from "../prompt-bounds.ts";
import type { Dialect, Figures } from "./dialect.ts";
import { taskOf, type Endpoint, type ModelTask } from "./job.ts";

/** What may be said of a request in the clear: by this it is priced, routed and bounded. */
export interface ClearTerms {
  readonly endpoint: Endpoint;
  /** As the caller wrote it; not yet looked up. */
  readonly model: string;
  readonly task: ModelTask;
  readonly stream: boolean;
  /** False where the model writes nothing. */
  readonly generates: boolean;
  /** Bounds each choice, in tokens. */
  readonly maxTokens: number;
  readonly choices: number;
  /** How many texts have a context each, for itself; absent: all that was sent is one prompt. */
  readonly texts?: number;
  readonly features: readonly "tools"[];
  readonly pins: readonly Serial[];
}

/** A request as far as somebody must know it who does not answer it. */
export interface Inspected {
  readonly terms: ClearTerms;
  readonly figures: Figures;
}

/**
 * Reads a request to refuse it by name before anybody works on it, and keeps none of its words.
 *
 * @throws NetworkError as the dialect's `decode`
 */
export function inspect(dialect: Pick<Dialect, "decode">, body: unknown): Inspected {
  const { job } = dialect.decode(body);
  const texts = job.embed?.inputs ?? job.raw?.prompts;
  const { logitBias, stop } = job.sampling;
  return {
    terms: {
      endpoint: job.endpoint,
      model: job.model,
      task: taskOf(job),
      stream: job.stream,
      generates: job.generates,
      maxTokens: job.maxTokens,
      choices: job.choices,
      ...(texts && { texts: texts.length }),
      features: job.tools.length > 0 ? ["tools"] : [],
      pins: job.pins,
    },
    figures: {
      asLines: job.asLines === true,
      sampling: { ...job.sampling, logitBias: logitBias.length, stop: stop.length },
      prompt: promptSizeOf(job),
      ...(job.embed && { embed: { ...job.embed, inputs: job.embed.inputs.length } }),
      hasTokens: texts?.some((text) => typeof text !== "string") === true,
      hasFormat: job.format !== undefined,
      ...(job.formatParam !== undefined && { formatParam: job.formatParam }),
      continues: job.continues === true,
      thinksOrRefuses: job.thinksOrRefuses === true,
    },
  };
}
