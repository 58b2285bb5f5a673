import { utf8 } from "@darkbloom/protocol/bytes";
import type { Dialect } from "@darkbloom/protocol/dialects";
import { NetworkError, type Failure } from "@darkbloom/protocol/failures";
import type { ProviderId, RequestId } from "@darkbloom/protocol/ids";
import { frameRecord, SEALED_STREAM_TYPE } from "@darkbloom/protocol/sealing";
import type { Ask } from "../inference/ask.ts";
import { CannotOpen, MachineRefusal } from "../inference/machine-words.ts";
import { CANDIDATES_TOLD_STRANGER_MAX, candidatesText, wantOf } from "./candidates.ts";
import type { HttpDeps } from "./deps.ts";
import type { ToldFailure } from "./reply.ts";

/**
 * What the caller of a sealed request is told beside the dialect's error: other machines to seal it to, under the same policy;
 * what a machine signed about it; or, in place of the error, what a machine tells its caller alone.
 */
export function toldOfSealed(
  deps: HttpDeps,
  ask: Ask,
  dialect: Dialect,
  requestId: RequestId,
  failure: Failure,
  error: unknown,
): ToldFailure | undefined {
  if (error instanceof MachineRefusal && error.frame)
    return { contentType: SEALED_STREAM_TYPE, body: frameRecord(error.frame) };
  const member = memberOf(deps, ask, failure, error);
  if (member === undefined) return undefined;
  const body = dialect.errorBody(failure, requestId).trimEnd();
  return {
    contentType: "application/json; charset=utf-8",
    body: utf8(`${body.slice(0, -1)},${member}}`),
  };
}

function memberOf(deps: HttpDeps, ask: Ask, failure: Failure, error: unknown): string | undefined {
  if (error instanceof CannotOpen) return `"cannot_open":${JSON.stringify(error.signed)}`;
  if (!(error instanceof NetworkError) || failure.code !== "no_candidate") return undefined;
  const want = failure.others === 0 ? undefined : wantOf(deps, ask);
  if (!want) return '"sealing":{"providers":[]}';
  const over = deps.unopened.passedOver(ask.terms.account, deps.fleet.machinesFor(want.entry.build));
  // Whoever makes up machines gets no answer that is a hundred times as long as what was sent.
  const isStranger = !ask.terms.candidates?.some(({ providerId }) => deps.fleet.has(providerId as ProviderId));
  return `"sealing":${candidatesText(deps, want, over, isStranger ? CANDIDATES_TOLD_STRANGER_MAX : undefined)}`;
}
