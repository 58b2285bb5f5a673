import { isForeignHost } from "@darkbloom/coordinator/http/peer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { RefusalCode } from "./refusal.ts";

/** Who may use the proxy. */
export interface Door {
  /** Undefined: whoever reaches it, on this machine alone. */
  readonly token: string | undefined;
  readonly corsOrigins: readonly string[];
  /** The host name that it listens under, beside the addresses of this machine. */
  readonly host: string;
}

/**
 * Whether a request may come in. A page of another site can make a browser send one: it has an `Origin`, or a `Host` that its
 * owner pointed here.
 *
 * @returns why not
 */
export function refusalAt(door: Door, headers: IncomingHttpHeaders): RefusalCode | undefined {
  if (isForeignHost(headers.host) && hostNameOf(headers.host) !== door.host) return "host_foreign";
  if (headers.origin !== undefined && !door.corsOrigins.includes(headers.origin)) return "origin_foreign";
  return undefined;
}

/** @returns why not */
export function tokenRefusal(door: Door, headers: IncomingHttpHeaders): RefusalCode | undefined {
  if (door.token === undefined) return undefined;
  const shown = shownToken(headers);
  if (shown === undefined) return "token_missing";
  return isSame(shown, door.token) ? undefined : "token_invalid";
}

/** As SDKs send it; a browser asks its user and sends it as a password. */
function shownToken(headers: IncomingHttpHeaders): string | undefined {
  const [, scheme = "", word = ""] = /^(\w+) +(\S+)$/.exec(headers.authorization ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return word;
  if (scheme.toLowerCase() === "basic")
    return Buffer.from(word, "base64")
      .toString("utf8")
      .replace(/^[^:]*:/, "");
  const key = headers["x-api-key"];
  return typeof key === "string" ? key : undefined;
}

/** By their hashes, which have one length. */
function isSame(one: string, other: string): boolean {
  const hash = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(one), hash(other));
}

const hostNameOf = (host: string | undefined): string | undefined => URL.parse(`http://${host ?? ""}`)?.hostname;
