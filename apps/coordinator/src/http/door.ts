import type { Dialect } from "@darkbloom/protocol/dialects";
import type { FailureCode } from "@darkbloom/protocol/failures";
import type { RequestId } from "@darkbloom/protocol/ids";
import type { RouteShorthandOptionsWithHandler } from "fastify";
import type * as z from "zod";
import type { Budget } from "../limits/budget.ts";
import type { Caller, Declaration, Gate } from "./access.ts";
import type { HttpDeps } from "./deps.ts";

declare module "fastify" {
  interface FastifyRequest {
    requestId: RequestId;
    /** When it came in, on the monotonic clock. */
    startedMs: number;
    /** Who is calling, where the route needs to know: `callerOf` reads it. */
    caller: Caller | undefined;
  }
  interface FastifyContextConfig extends Partial<Declaration> {
    /** How it can fail beside what its access brings. For the API description. */
    fails?: readonly FailureCode[];
    /** What its errors look like, where they do not look like OpenAI's. For the API description. */
    error?: z.ZodType;
    /** Whose envelope errors of this route have; OpenAI's where none is named. */
    dialect?: Dialect;
    /** What else its body may be, by media type, in words. For the API description. */
    otherBodies?: Readonly<Record<string, string>>;
    /** Of a success: name → what it holds. For the API description. */
    responseHeaders?: Readonly<Record<string, string>>;
  }
}

/** What every route is made with. */
export interface Door {
  readonly deps: HttpDeps;
  readonly gate: Gate;
  readonly bodies: Budget;
  readonly answers: Budget;
  /** What connections keep of their latest response. */
  readonly conversations: Budget;
}

/** A route but for its method and path, which stand in `routes.ts`. */
export type Route = RouteShorthandOptionsWithHandler & {
  readonly config: Declaration & RouteShorthandOptionsWithHandler["config"];
};
