import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { isMeantAsToken } from "../accounts/operator-tokens.ts";
import { isMeantAsSession } from "../accounts/sessions.ts";
import { isLoopbackHost } from "./peer.ts";

/** A request or an upgrade, as far as it says who asks. */
export type Asking = Pick<IncomingMessage, "headers" | "method">;

/** What somebody shows of themselves. Of a cookie nobody knows which page had it sent. */
export type Shown =
  | { readonly kind: "key" | "token"; readonly text: string }
  | {
      readonly kind: "session";
      readonly text: string;
      readonly byCookie: boolean;
      /** Another of the same name came along: which of them is ours, nobody can say. */
      readonly isOneOfSeveral?: boolean;
    };

/** A header counts before a cookie, which a browser adds by itself. */
export function shownIn(asking: Asking, trustProxy: boolean): Shown | undefined {
  const text = credentialFrom(asking.headers);
  if (text !== undefined && isMeantAsToken(text)) return { kind: "token", text };
  if (text !== undefined)
    return isMeantAsSession(text) ? { kind: "session", text, byCookie: false } : { kind: "key", text };
  const [cookie, another] = cookiesIn(asking, trustProxy);
  if (cookie === undefined) return undefined;
  return { kind: "session", text: cookie, byCookie: true, isOneOfSeveral: another !== undefined };
}

/** `Authorization: Bearer KEY` (RFC 6750; the scheme is case-insensitive by RFC 9110 §11.1) or `x-api-key: KEY`. */
function credentialFrom(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^bearer +(?<key>\S+) *$/i.exec(headers.authorization ?? "")?.groups?.["key"];
  const apiKey = headers["x-api-key"];
  return bearer ?? (typeof apiKey === "string" && apiKey !== "" ? apiKey : undefined);
}

/** What a browser was given for a sign-in that it has begun. Undefined where there is none, or more than one: whose the other is, nobody can say. */
export function begunIn(asking: Asking, trustProxy: boolean): string | undefined {
  const [secret, another] = cookiesIn(asking, trustProxy, BEGUN);
  return another === undefined ? secret : undefined;
}

/** Beside the session's name. */
const BEGUN = "-begun";
export const begunNameOf = (sessionName: string): string => sessionName + BEGUN;

/** What differs of the cookies under our name. */
function cookiesIn(asking: Asking, trustProxy: boolean, suffix = ""): string[] {
  const name = `${cookieNameOf(asking, trustProxy)}${suffix}`;
  const pairs = (asking.headers.cookie ?? "").split(";").map((pair) => pair.trim().split("=", 2));
  return [...new Set(pairs.flatMap(([key, value = ""]) => (key === name && value !== "" ? [value] : [])))];
}

/** Whether the browser's connection is TLS, which only a proxy in front can have. */
const isTls = ({ headers }: Asking, trustProxy: boolean): boolean =>
  trustProxy && [headers["x-forwarded-proto"] ?? ""].flat().at(-1)?.split(",").at(-1)?.trim() === "https";

/** What this coordinator is called by whoever asks, e.g. `https://api.example.com`. */
export function ownOrigin(asking: Asking, trustProxy: boolean): string {
  return `${isTls(asking, trustProxy) ? "https" : "http"}://${asking.headers.host ?? "127.0.0.1"}`;
}

/**
 * The cookie that a sign-in is kept in. `__Host-` binds it to this very host and to TLS (RFC 6265bis §4.1.3.2). On this machine
 * alone it goes without, under the port's name: ports share their cookies. Undefined where it would cross a network in clear.
 */
export function cookieNameOf(asking: Asking, trustProxy: boolean): string | undefined {
  if (isTls(asking, trustProxy)) return "__Host-darkbloom";
  const { host } = asking.headers;
  if (trustProxy || !isLoopbackHost(host)) return undefined;
  return `darkbloom-${URL.parse(`http://${host}`)?.port || "80"}`;
}

/** @param value empty to take it away */
export function cookieOf(name: string, value: string, ageMs: number): string {
  const secure = name.startsWith("__Host-") ? "; Secure" : "";
  return `${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${Math.floor(ageMs / 1000)}${secure}`;
}

/**
 * Takes away what came along under our name, where that is more than one. On one host nothing but their paths tells such cookies apart, and each of those is
 * the request's own or above it (RFC 6265 §5.1.4).
 */
export function endedCookies(asking: Asking & Pick<IncomingMessage, "url">, trustProxy: boolean): string[] {
  const name = cookieNameOf(asking, trustProxy);
  const path = /^\/[\w/.~%-]*/.exec(asking.url ?? "")?.[0] ?? "/";
  const above = [...path.matchAll(/\//g)].flatMap(({ index }) => [path.slice(0, index), path.slice(0, index + 1)]);
  const paths = new Set([...above.slice(1, ENDED_PATHS_MAX), path]);
  if (name === undefined || cookiesIn(asking, trustProxy).length < 2) return [];
  return [...paths].map((at) => cookieOf(name, "", 0).replace("Path=/;", () => `Path=${at};`));
}

/** Of one answer: no path of ours is as deep. */
const ENDED_PATHS_MAX = 16;
const reads = new Set(["GET", "HEAD", "OPTIONS"]);

/** Whether it may change or begin something: a WebSocket is opened by a GET, and any site's page can open one. */
export const isWrite = ({ method, headers }: Asking): boolean =>
  !reads.has(method ?? "GET") || headers.upgrade !== undefined;

/** Whether a page of another site leads here. A link in a mail, a terminal or an address bar is nobody's (`none`); old browsers do not say. */
export function isSentByOthers({ headers }: Pick<Asking, "headers">): boolean {
  const site = headers["sec-fetch-site"];
  return site === "cross-site" || site === "same-site";
}

/** Whether a page of this coordinator itself asks. Every browser sends `Origin` with what writes; who sends none is none. */
export function isFromOwnPage(asking: Asking, trustProxy: boolean): boolean {
  const site = asking.headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin") return false;
  const own = URL.parse(ownOrigin(asking, trustProxy))?.origin;
  return own !== undefined && asking.headers.origin === own;
}
