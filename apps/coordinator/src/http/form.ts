import { fromUtf8Body } from "@darkbloom/protocol/bytes";
import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords } from "@darkbloom/protocol/ids";
import type { FastifyRequest } from "fastify";
import { isFromOwnPage } from "./credentials.ts";
import { isForm, readBytes } from "./body.ts";
import { recheckCaller } from "./caller-body.ts";
import type { Door } from "./door.ts";
import { peerOf } from "./peer.ts";

/** A form of ours is a few words. 413 above it. */
export const FORM_BYTES_MAX = 8 * 1024;

/**
 * What a form says. A name that comes twice says nothing certain (RFC 6749 §3.2: "MUST NOT be included more than once").
 *
 * @throws NetworkError `body_invalid`, `payload_too_large`
 */
export async function readForm(door: Door, request: FastifyRequest): Promise<ReadonlyMap<string, string>> {
  const { raw } = request;
  if (!isForm(raw.headers)) throw invalid;
  using room = door.bodies.share(peerOf(raw, door.deps.settings.trustProxy).bucket);
  const bytes = await readBytes(raw, FORM_BYTES_MAX, room);
  await recheckCaller(door, request);
  const fields = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(textOf(bytes))) {
    if (fields.has(name)) throw invalid;
    fields.set(name, value);
  }
  return fields;
}

const invalid = new NetworkError({
  code: "body_invalid",
  param: null,
  expected: ourWords`it must be application/x-www-form-urlencoded, with each name once`,
});

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8Body(bytes);
  } catch {
    throw invalid;
  }
}

/** Of a form that needs nobody's session: another site's page shall not send it for somebody. @throws NetworkError `origin_foreign` */
export function assertOwnPage({ deps }: Door, { raw }: FastifyRequest): void {
  if (!isFromOwnPage(raw, deps.settings.trustProxy)) throw new NetworkError({ code: "origin_foreign" });
}
