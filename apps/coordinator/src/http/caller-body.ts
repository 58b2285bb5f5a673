import type { FastifyRequest } from "fastify";
import { declarationOf } from "./access.ts";
import { readBody } from "./body.ts";
import type { Door } from "./door.ts";

/**
 * The body of somebody who was let in. It may have taken minutes to come: whoever may not any more by then is refused, and
 * `callerOf` tells from now on what bounds them now.
 *
 * @param room that it takes in memory meanwhile
 * @throws NetworkError what `readBody` and the route's access refuse
 */
export async function readCallerBody(
  { gate }: Pick<Door, "gate">,
  request: FastifyRequest,
  maxBytes: number,
  room: Parameters<typeof readBody>[2],
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readBody(request.raw, maxBytes, room);
  await recheckCaller({ gate }, request);
  return bytes;
}

/** Whether whoever was let in would still be. @throws NetworkError where they would not */
export async function recheckCaller({ gate }: Pick<Door, "gate">, request: FastifyRequest): Promise<void> {
  if (request.caller) request.caller = await gate.recheck(declarationOf(request.routeOptions), request.raw);
}
