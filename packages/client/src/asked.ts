import { fromUtf8Body } from "@darkbloom/protocol/bytes";
import { BODY_BYTES_MAX } from "@darkbloom/protocol/limits";
import { endpoints, type Endpoint } from "@darkbloom/protocol/endpoints";
import { bytesOf } from "./bytes-of.ts";
import { DarkbloomError } from "./errors.ts";

/** A request for an answer, as its program wrote it. */
export interface Ask {
  readonly endpoint: Endpoint;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
  /** What the body says, read once. */
  readonly said: Readonly<Record<string, unknown>>;
  readonly model: string;
  readonly stream: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Something that brings nothing confidential along, such as the list of models. */
export interface Look {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
}

/** The coordinator's address without `/v1`, ending in a slash. @throws TypeError */
export function baseOf(address: string): URL {
  const url = URL.parse(address);
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "")
    throw new TypeError("baseURL must be an address that begins with https:// or http://");
  url.search = "";
  url.hash = "";
  url.pathname = `${url.pathname.replace(/\/+$/, "").replace(/\/v1$/, "")}/`;
  return url;
}

/**
 * What a program asks for: an answer, or something to look at. Everything else is refused, since whatever it brings along would
 * go out as it is.
 *
 * @throws DarkbloomError
 */
export async function readAsked(base: URL, input: string | URL | Request, init: RequestInit = {}): Promise<Ask | Look> {
  const from = input instanceof Request ? input : undefined;
  const url = addressOf(input);
  const path = url.pathname
    .slice(base.pathname.length - 1)
    .replaceAll(/\/{2,}/g, "/")
    .replace(/(?<=.)\/$/, "");
  if (url.origin !== base.origin || !url.pathname.startsWith(base.pathname))
    throw new DarkbloomError(
      "address_foreign",
      `This goes to ${url.origin}, and not to ${base.href}. Nothing was sent.`,
    );
  const method = (init.method ?? from?.method ?? "GET").toUpperCase();
  const headers = new Headers(init.headers ?? from?.headers);
  const signal = init.signal ?? from?.signal ?? undefined;
  if (method === "GET" || method === "HEAD") return { url, method, headers, signal };
  const endpoint = endpoints.find((one) => one === path);
  if (method !== "POST" || !endpoint)
    throw new DarkbloomError(
      "route_unknown",
      `${method} ${path} is no endpoint that can be checked: ${endpoints.join(", ")}. Nothing was sent.`,
    );
  const body = await bodyOf(init.body === undefined ? from?.body : init.body);
  const said = objectIn(body);
  const model = said["model"];
  // What is wrong with it the coordinator would say, but a body that cannot be read cannot be checked either.
  if (typeof model !== "string")
    throw new DarkbloomError("body_unreadable", "The body must be a JSON object with a `model`. Nothing was sent.");
  if (!headers.get("content-type")?.includes("json")) headers.set("content-type", "application/json");
  return { endpoint, url, headers, body, said, model, stream: said["stream"] === true, signal };
}

/** @throws TypeError for a text that is no address */
export function addressOf(input: string | URL | Request): URL {
  if (typeof input === "string") return new URL(input);
  return input instanceof URL ? input : new URL(input.url);
}

async function bodyOf(body: RequestInit["body"]): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await bytesOf(new Response(body ?? "").body, BODY_BYTES_MAX);
  if (bytes) return bytes;
  throw new DarkbloomError("body_too_large", `The body is longer than ${BODY_BYTES_MAX} bytes. Nothing was sent.`);
}

function objectIn(body: Uint8Array): Record<string, unknown> {
  try {
    const said: unknown = JSON.parse(fromUtf8Body(body));
    if (typeof said === "object" && said !== null && !Array.isArray(said)) return said as Record<string, unknown>;
  } catch {
    // Its own words stay out of every message.
  }
  throw new DarkbloomError("body_unreadable", "The body must be a JSON object. Nothing was sent.");
}
