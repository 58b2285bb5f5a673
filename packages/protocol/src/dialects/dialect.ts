import type { Failure } from "../failures.ts";
import type { RequestId } from "../ids.ts";
import type { Usage } from "../money.ts";
import type { Endpoint, Job } from "./job.ts";

export type FinishReason = "stop" | "length" | "cancelled";

/** What an answer's rendering needs beyond the model's own words. */
export interface RenderFacts {
  /** Shows up in the body's `id`. */
  readonly jobId: string;
  /** Seconds since 1970, for `created`. */
  readonly createdSec: number;
  /** The model's name as the caller asked for it. */
  readonly model: string;
}

/** Text of the answer, split into what is thought and what is said. */
export interface TextDelta {
  readonly kind: "said" | "thought";
  readonly text: string;
}

/**
 * Renders one answer into the bytes that the caller receives, as UTF-8 text, piece by piece. The
 * concatenation of all that it returns is the response body, so that its hash can be taken on the way.
 * A streaming renderer returns events as they come; a plain one returns "" until `end`.
 */
export interface Renderer {
  /** When the first token exists, hidden or not. */
  begin(): string;
  delta(delta: TextDelta): string;
  /** The proper end, with the dialect's last event. */
  end(finish: FinishReason, usage: Usage): string;
}

export interface Dialect {
  readonly endpoint: Endpoint;
  /** Parses and checks a body. Throws NetworkError `body_invalid` or `unsupported`, naming the field. */
  decode(body: unknown): Job;
  render(job: Job, facts: RenderFacts): Renderer;
  /** The body of an HTTP error, as a JSON string. */
  errorBody(failure: Failure, requestId: RequestId): string;
  /** The event that ends a stream which failed after its first content, with its blank line. */
  errorEvent(failure: Failure, requestId: RequestId): string;
}
