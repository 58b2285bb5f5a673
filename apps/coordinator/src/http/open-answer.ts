import { NetworkError } from "@darkbloom/protocol/failures";
import type { FastifyReply, FastifyRequest } from "fastify";
import { OVERLOADED_RETRY_SEC } from "../limits/budget.ts";
import type { Door } from "./door.ts";
import { peerOf } from "./peer.ts";

/**
 * Sends a long answer for which nobody shows a key: until it is read it counts as an answer of the caller's address, which gets no
 * more of the room for answers than it leaves to all others.
 *
 * @throws NetworkError `overloaded`
 */
export function sendOpen(
  { deps, answers }: Door,
  request: FastifyRequest,
  reply: FastifyReply,
  body: Buffer<ArrayBuffer>,
  headers: Readonly<Record<string, string>>,
): FastifyReply {
  const room = answers.share(peerOf(request.raw, deps.settings.trustProxy).bucket);
  if (!room.grow(body.length)) throw new NetworkError({ code: "overloaded", retryAfterSec: OVERLOADED_RETRY_SEC });
  reply.raw.once("close", () => room[Symbol.dispose]());
  return reply.headers(headers).send(body);
}
