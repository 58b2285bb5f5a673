import { NetworkError } from "@darkbloom/protocol/failures";
import type { OurWords, ParamPath } from "@darkbloom/protocol/ids";
import type { FastifyRequest } from "fastify";
import type * as z from "zod";
import { callerOf } from "./access.ts";
import { parseJson } from "./body.ts";
import { readCallerBody } from "./caller-body.ts";
import type { Door } from "./door.ts";

/** What is set by hand: a few fields. 413 above it. */
export const SHORT_BODY_BYTES_MAX = 16 * 1024;

/**
 * A small body of somebody who is known, as its schema has it; an empty one is an empty object.
 *
 * @throws NetworkError `body_invalid`, naming the field, or `payload_too_large`
 */
export async function readShortJson<Read>(
  door: Door,
  request: FastifyRequest,
  schema: z.ZodType<Read>,
  expectedOf: (param: string) => OurWords,
): Promise<Read> {
  using room = door.bodies.share(callerOf(request).account);
  const bytes = await readCallerBody(door, request, SHORT_BODY_BYTES_MAX, room);
  const read = schema.safeParse(bytes.length === 0 ? {} : parseJson(bytes));
  if (read.success) return read.data;
  const first = read.error.issues[0]?.path[0];
  // A name that is none of ours does not stand in a path.
  const param = first === undefined ? null : (String(first) as ParamPath);
  throw new NetworkError({ code: "body_invalid", param, expected: expectedOf(param ?? "") });
}
