import type { Dialect } from "@darkbloom/protocol/dialects";
import type { FailureCode } from "@darkbloom/protocol/failures";
import type { RequestId } from "@darkbloom/protocol/ids";
import { openaiErrorSchema } from "@darkbloom/protocol/dialects";
import { failures } from "@darkbloom/protocol/failures";
import type { RouteShorthandOptionsWithHandler } from "fastify";
import type * as z from "zod";
import type { Budget } from "../limits/budget.ts";
import type { FailedKeys } from "../limits/failed-keys.ts";
import type { RateLimiter } from "../limits/rate.ts";
import type { HttpDeps } from "./deps.ts";

declare module "fastify" {
  interface FastifyRequest {
    requestId: RequestId;
    /** When it came in, on the monotonic clock. */
    startedMs: number;
  }
  interface FastifyContextConfig {
    /** Whose envelope errors of this route have; OpenAI's where none is named. */
    dialect?: Dialect;
    /** Of a success: name → what it holds. For the API description. */
    responseHeaders?: Readonly<Record<string, string>>;
  }
}

/** What every route is made with. */
export interface Door {
  readonly deps: HttpDeps;
  readonly limiter: RateLimiter;
  readonly failedKeys: FailedKeys;
  readonly bodies: Budget;
  readonly answers: Budget;
  /** What connections keep of their latest response. */
  readonly conversations: Budget;
}

/** A route but for its method and path, which stand in `routes.ts`. */
export type Route = RouteShorthandOptionsWithHandler;

/** For the API description: these routes need a key, in either of two headers. */
export const keyed = [{ bearer: [] }, { apiKey: [] }];
/** How a route that needs a key can fail before it does anything. */
export const keyedFailures = ["key_missing", "key_invalid", "rate_limit_exceeded"] as const;

/** The failures that a route can answer with, for the API description: one entry per status, naming the codes. */
export function failureResponses(
  codes: readonly FailureCode[],
  schema: z.ZodType = openaiErrorSchema,
): Record<string, object> {
  const byStatus = Map.groupBy([...codes, "internal_error"] as const, (code) => failures[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, these]) => [
      status,
      { description: these.join(", "), content: { "application/json": { schema } } },
    ]),
  );
}
