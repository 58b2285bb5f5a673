import type { Verification } from "@darkbloom/client";
import { endpoints } from "@darkbloom/protocol/endpoints";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { refusalAt, tokenRefusal, type Door } from "./door.ts";
import {
  PROXY_CONNECTIONS_MAX,
  PROXY_HEADER_BYTES_MAX,
  PROXY_RECEIPTS_AWAITED_MAX,
  PROXY_RECEIVE_MS_MAX,
  PROXY_REQUESTS_MAX,
} from "./limits.ts";
import { refuse, type RefusalCode } from "./refusal.ts";
import { relay, type Relaying } from "./relay.ts";
import { statusOf, type ProxyFacts } from "./status.ts";
import { statusPage } from "./status-page.ts";

/** What only looks, and goes on to the coordinator as it is. */
const looks =
  /^\/v1\/(?:models(?:\/.+)?|pricing|payments\/(?:balance|usage)|key|receipts\/[\w-]+|providers\/attestation)$/;
const asks: ReadonlySet<string> = new Set(endpoints);

export interface ProxyServer {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** Takes nothing new, and resolves once what runs has ended and is told of. */
  drain(): Promise<void>;
  /** Ends what is open. */
  close(): Promise<void>;
}

export interface Proxying extends Omit<Relaying, "awaited"> {
  readonly door: Door;
  readonly facts: ProxyFacts;
  /** What has been asked and not ended: an answer, or the receipt of one that was left. */
  readonly running: Set<Promise<void>>;
}

/** How much sooner than a request's own bound those are looked for that have reached it. */
const LOOKS_PER_BOUND = 10;

/**
 * @param receiveMsMax from the first byte of a request to the last of its body
 * @throws the error of a server that cannot listen
 */
export async function serveProxy(
  net: Proxying,
  {
    receiveMsMax = PROXY_RECEIVE_MS_MAX,
    ...at
  }: { readonly host: string; readonly port: number; readonly receiveMsMax?: number },
): Promise<ProxyServer> {
  const { running } = net;
  /** Of those, where somebody is still answered: what is left of one that was left is its receipt. */
  const open = new Set<ServerResponse>();
  let isStopping = false;
  const awaited = new Set<Verification>();
  const isFull = (): boolean =>
    open.size >= PROXY_REQUESTS_MAX || running.size >= PROXY_REQUESTS_MAX + PROXY_RECEIPTS_AWAITED_MAX;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    // A connection that breaks is its program's own matter.
    response.on("error", () => undefined);
    request.on("error", () => undefined);
    const path = pathOf(request);
    const refused = dress(net.door, request, response) ?? refusalOf(net.door, request, path);
    if (response.writableEnded) return;
    if (refused) return refuse(response, refused, path);
    if (path === "/" || path === "/status") return tellStatus(net, open.size, path, response);
    if (path === "/health") return void response.end();
    if (isStopping) return refuse(response, "stopping", path);
    if (isFull()) return refuse(response, "busy", path);
    const one = relay({ ...net, awaited }, request, response, path).catch(() => void response.destroy());
    running.add(one);
    open.add(response);
    response.once("close", () => open.delete(response));
    void one.finally(() => running.delete(one));
  };
  const bounds = {
    maxHeaderSize: PROXY_HEADER_BYTES_MAX,
    requestTimeout: receiveMsMax,
    connectionsCheckingInterval: Math.ceil(receiveMsMax / LOOKS_PER_BOUND),
  };
  const server = createServer(bounds, answer);
  server.maxConnections = PROXY_CONNECTIONS_MAX;
  await listening(server, at);
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://${at.host.includes(":") ? `[${at.host}]` : at.host}:${port}`,
    async drain() {
      isStopping = true;
      while (running.size > 0) await Promise.all(running);
      await net.records.written();
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function refusalOf(door: Door, { method = "GET", headers }: IncomingMessage, path: string): RefusalCode | undefined {
  if (path === "/health") return undefined;
  const refused = tokenRefusal(door, headers);
  if (refused) return refused;
  // Nobody listens for upgrades, so that this is a request like any other; HTTP/2 is offered so, and need not be taken.
  if (headers.upgrade?.toLowerCase() === "websocket") return "upgrade_refused";
  if (asks.has(path)) return method === "POST" ? undefined : "method_unknown";
  if (path !== "/" && path !== "/status" && !looks.test(path)) return "route_unknown";
  return method === "GET" || method === "HEAD" ? undefined : "method_unknown";
}

/** Headers of every response, and the answer to a preflight. @returns why the request may not come in */
function dress(door: Door, { method, headers }: IncomingMessage, response: ServerResponse): RefusalCode | undefined {
  response.setHeader("cache-control", "no-store");
  response.setHeader("x-content-type-options", "nosniff");
  // Whatever a coordinator answers, in a browser it is no page of the proxy's.
  response.setHeader("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox");
  const refused = refusalAt(door, headers);
  if (refused || headers.origin === undefined) return refused;
  response.setHeader("access-control-allow-origin", headers.origin);
  response.setHeader("access-control-expose-headers", "*");
  response.setHeader("vary", "Origin");
  if (method !== "OPTIONS") return undefined;
  response.setHeader("access-control-allow-methods", "GET, HEAD, POST");
  response.setHeader("access-control-allow-headers", "*, Authorization");
  response.writeHead(204).end();
  return undefined;
}

function tellStatus(
  net: Pick<Relaying, "records"> & { readonly facts: ProxyFacts },
  running: number,
  path: string,
  response: ServerResponse,
): void {
  const status = statusOf(net.facts, net.records, running);
  if (path === "/status") {
    response.setHeader("content-type", "application/json; charset=utf-8");
    return void response.end(JSON.stringify(status));
  }
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.setHeader(
    "content-security-policy",
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  );
  response.end(statusPage(status));
}

/** As it goes on to the coordinator, with `..` resolved. A slash too many is a slip of the hand, and means the same. */
function pathOf({ url = "/" }: IncomingMessage): string {
  const path = (URL.parse(`http://proxy${url}`)?.pathname ?? "/").replaceAll(/\/{2,}/g, "/");
  return path.length > 1 ? path.replace(/\/$/, "") : path;
}

function listening(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
