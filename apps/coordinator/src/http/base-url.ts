import { dialects, endpoints, type Dialect, type Endpoint } from "@darkbloom/protocol/dialects";
import type { Failure } from "@darkbloom/protocol/failures";
import { ourWords, type OurWords } from "@darkbloom/protocol/ids";
import type { IncomingHttpHeaders } from "node:http";

/** What SDKs put behind a base URL that ends in `/v1`: OpenAI's; Anthropic's brings its own `/v1`. */
const MESSAGES = "/messages";
const behindV1 = [...endpoints.map((endpoint) => endpoint.replace(/^\/v1/, "")), "/models"];

const baseUrlWithV1 = ourWords`The base URL is this address and /v1, e.g. http://127.0.0.1:8080/v1`;
const baseUrlWithoutV1 = ourWords`Anthropic's SDKs add /v1 themselves: their base URL is this address alone, e.g. http://127.0.0.1:8080`;
const messagesAt = ourWords`That endpoint is /v1/messages; the base URL of Anthropic's SDKs is this address alone, e.g. http://127.0.0.1:8080`;

/** A request's path as it is routed: without its query, each slash once, none at the end. */
export function pathOf(url: string): string {
  const path = url.split("?")[0]?.replaceAll(/\/{2,}/g, "/") ?? "";
  return path.length > 1 ? path.replace(/\/$/, "") : path;
}

/** What is asked for, and by whom. */
interface Asked {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** Anthropic's SDKs send this with every request, and no others do. */
export const speaksAnthropic = (headers: IncomingHttpHeaders): boolean => headers["anthropic-version"] !== undefined;

/** An unknown route; where it is one of ours behind a wrong base URL, the right one is named. */
export function routeNotFound(asked: Asked): Failure & { code: "route_not_found" } {
  const baseUrl = baseUrlFor(pathOf(asked.url), speaksAnthropic(asked.headers));
  return { code: "route_not_found", ...(baseUrl !== undefined && { baseUrl }) };
}

function baseUrlFor(path: string, byAnthropic: boolean): OurWords | undefined {
  const rest = withoutV1(path);
  if (!behindV1.some((known) => isBelow(rest, known))) return undefined;
  const times = (path.length - rest.length) / "/v1".length;
  if (times === 1) return undefined;
  if (!isBelow(rest, MESSAGES)) return byAnthropic ? baseUrlWithoutV1 : baseUrlWithV1;
  return times === 0 ? messagesAt : baseUrlWithoutV1;
}

/**
 * Whose envelope an error has where no route says so: that of the endpoint which the path is below, or was meant to
 * be, or of the SDK that asks.
 */
export function dialectOf({ url, headers }: Asked): Dialect {
  const isAnthropics = isBelow(withoutV1(pathOf(url)), MESSAGES) || speaksAnthropic(headers);
  const endpoint: Endpoint = isAnthropics ? "/v1/messages" : "/v1/chat/completions";
  return dialects[endpoint];
}

const withoutV1 = (path: string): string => path.replace(/^(?:\/v1)+(?=\/|$)/, "");

const isBelow = (path: string, parent: string): boolean => path === parent || path.startsWith(`${parent}/`);
