import { failures, NetworkError, type Failure } from "@darkbloom/protocol/failures";
import type { OurWords } from "@darkbloom/protocol/ids";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { serializerCompiler } from "fastify-type-provider-zod";
import { once } from "node:events";
import { createServer, STATUS_CODES, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { ANSWERS_BYTES_MAX, BODIES_BYTES_MAX, Budget, CONVERSATIONS_BYTES_MAX } from "../limits/budget.ts";
import { HTTP_CONNECTIONS_MAX } from "../limits/descriptors.ts";
import { declarationOf, Gate } from "./access.ts";
import { dialectOf, pathOf, routeNotFound } from "./base-url.ts";
import { otherCompilers } from "./compilers.ts";
import { Connections } from "./connections.ts";
import type { HttpDeps } from "./deps.ts";
import { Described } from "./described.ts";
import type { Door } from "./door.ts";
import { dressPreflight, dressResponse, requestIdOf } from "./every-response.ts";
import { failureOf, sendFailure } from "./failure.ts";
import { isForeignHost } from "./peer.ts";
import { CALLER_STALL_MS_MAX } from "./reply.ts";
import { PROVIDER_PATH, routesOf, upgrades } from "./routes.ts";
import { CallerSockets } from "./sockets.ts";

/** Request line and headers. 431 above it. */
const HEADER_BYTES_MAX = 16 * 1024;
/** One path segment that stands for a name: longer than any id of ours. */
const PATH_PARAMETER_CHARS_MAX = 512;
/** From the first byte of a request to the last of its body: 16 MiB at half a megabit per second. 408 after it. */
const REQUEST_RECEIVE_MS_MAX = 300_000;
const HEADERS_RECEIVE_MS_MAX = 60_000;
/** An idle connection is kept longer than the usual load balancer keeps it, so that we never close one that it just reused. */
const KEEP_ALIVE_MS = 72_000;
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

export interface HttpServer {
  /** @returns the port that was bound, also where 0 was asked for */
  listen(at: { host: string; port: number }): Promise<{ port: number }>;
  /** Resolves when every response that was begun has been written whole, or its caller has left. */
  written(): Promise<void>;
  /** Takes no more connections and ends those that are open: drain first. Provider sockets stay, for their sessions to end. */
  close(): Promise<void>;
  readonly server: Server;
}

/** The coordinator's HTTP edge: routes, what every response has in common, and how failures are told. */
export function createHttpServer(deps: HttpDeps): HttpServer {
  const responses = new Set<ServerResponse>();
  const openAnswers = new WeakSet<object>();
  const door = doorOf(deps);
  const sockets = new CallerSockets(door);
  const app = Fastify({
    logger: false,
    schemaController: otherCompilers,
    trustProxy: deps.settings.trustProxy,
    // A base URL with a slash too many is a slip of the hand, and means the same.
    routerOptions: {
      maxParamLength: PATH_PARAMETER_CHARS_MAX,
      ignoreDuplicateSlashes: true,
      ignoreTrailingSlash: true,
    },
    // Draining is told in our own words, by the routes that it concerns.
    return503OnClosing: false,
    forceCloseConnections: true,
    serverFactory: (handler) => listenerOf(deps, handler, { responses, openAnswers }, sockets),
    clientErrorHandler: (error, socket) => refuseMalformed(deps, error.code, socket),
    frameworkErrors: (error, request, reply) => {
      greet(deps, request, reply);
      refuse(deps, error, request, reply);
    },
  });
  // Every route reads with its own schema and says itself what is wrong; answers are rendered by theirs.
  app.setValidatorCompiler(() => (value) => ({ value }));
  app.setSerializerCompiler(serializerCompiler);
  // Bodies are signed as they were sent, so the one route that takes a body reads the raw bytes itself.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));

  app.decorateRequest("requestId");
  app.decorateRequest("startedMs");
  app.decorateRequest("caller");
  app.addHook("onRoute", (route) => void declarationOf(route));
  app.addHook("onRequest", async (request, reply) => {
    greet(deps, request, reply);
    if (deps.settings.ownHostOnly === true && isForeignHost(request.headers.host))
      throw new NetworkError({ code: "not_allowed" });
    if (request.is404) return;
    request.caller = await door.gate.enter(declarationOf(request.routeOptions), request, (headers) => {
      for (const [name, value] of Object.entries(headers)) reply.raw.setHeader(name, value);
    });
  });
  // Who takes no answer does not keep it here.
  app.addHook("onSend", async ({ raw, caller }, reply) => {
    raw.socket.setTimeout(CALLER_STALL_MS_MAX);
    if (!caller) openAnswers.add(reply.raw);
  });
  app.setErrorHandler((error, request, reply) => refuse(deps, error, request, reply));
  app.setNotFoundHandler((request, reply) => refuse(deps, new NetworkError(notFound(request)), request, reply));

  const described = new Described(app, deps.settings.version);
  void app.register(async (scope) => {
    const known = collectMethods(scope);
    for (const { method, path, route } of routesOf(door, described)) scope.route({ ...route, method, url: path });
    for (const [url, methods] of known) addOtherMethods(scope, url, methods);
  });

  return {
    server: app.server,
    async listen(at) {
      await app.listen(at);
      const address = app.server.address();
      if (address === null || typeof address === "string") throw new RangeError("the server listens on no port");
      return { port: address.port };
    },
    async written() {
      await sockets.written();
      while (responses.size > 0) await Promise.allSettled([...responses].map((response) => once(response, "close")));
    },
    async close() {
      // This resolves with the last provider's socket too: Node counts what was upgraded among its connections.
      void app.close();
      sockets.close();
      while (app.server.listening) await setImmediate();
    },
  };
}

export const doorOf = (deps: HttpDeps): Door => ({
  deps,
  gate: new Gate(deps),
  bodies: new Budget(BODIES_BYTES_MAX),
  answers: new Budget(ANSWERS_BYTES_MAX),
  conversations: new Budget(CONVERSATIONS_BYTES_MAX),
});

/** Node's server, for each address that Fastify binds. Two paths are upgraded, a provider's and that of Responses: elsewhere, as in
 * Java's offers of `h2c`, RFC 9110 §7.8 lets a server ignore the offer and answer the request. */
function listenerOf(
  deps: HttpDeps,
  handler: RequestListener,
  { responses, openAnswers }: { responses: Set<ServerResponse>; openAnswers: WeakSet<object> },
  sockets: CallerSockets,
): Server {
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      requestTimeout: REQUEST_RECEIVE_MS_MAX,
      headersTimeout: HEADERS_RECEIVE_MS_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      shouldUpgradeCallback: ({ url, headers }) =>
        upgradeAt(url) !== undefined && headers.upgrade?.toLowerCase() === "websocket",
    },
    handler,
  );
  server.on("request", (_request, response) => {
    responses.add(response);
    response.once("close", () => responses.delete(response));
  });
  const connections = new Connections(deps.settings.connectionsMax ?? HTTP_CONNECTIONS_MAX, openAnswers);
  connections.watch(server);
  return server.on("upgrade", (request, socket, head) => {
    const declared = upgradeAt(request.url);
    if (!declared) return void socket.destroy();
    if (declared.access === "provider") return deps.acceptProvider(request, socket, head);
    connections.keep(request.socket);
    void sockets.upgrade(declared, request, socket, head);
  });
}

function upgradeAt(url = ""): (typeof upgrades)[keyof typeof upgrades] | undefined {
  const path = pathOf(url);
  return Object.hasOwn(upgrades, path) ? upgrades[path as keyof typeof upgrades] : undefined;
}

/** The providers' path, asked for without the upgrade, tells a machine that a proxy took that away. */
const notFound = (request: Pick<FastifyRequest, "url" | "headers">): Failure =>
  pathOf(request.url) === PROVIDER_PATH ? { code: "upgrade_needed" } : routeNotFound(request);

function greet(deps: HttpDeps, request: FastifyRequest, reply: FastifyReply): void {
  request.requestId = requestIdOf(request.raw, deps.random);
  request.startedMs = deps.clock.monotonicMs();
  dressResponse(request.raw, reply.raw, request.requestId, deps.settings);
}

/** The one way in which a request is refused before its answer has begun. */
function refuse(deps: HttpDeps, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { requestId } = request;
  const failure = failureOf(deps.events, requestId, error);
  deps.events.requestFailed({
    requestId,
    failure,
    status: failures[failure.code].status,
    durationMs: deps.clock.monotonicMs() - request.startedMs,
  });
  // Nobody is there to be told.
  if (failure.code === "caller_gone") return reply.hijack();
  const dialect = request.routeOptions.config.dialect ?? dialectOf(request);
  return sendFailure(reply, dialect, failure, requestId);
}

function collectMethods(app: FastifyInstance): Map<string, Set<string>> {
  const known = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const methods = known.get(url) ?? new Set<string>();
    for (const one of [method].flat()) methods.add(one);
    if (methods.has("GET")) methods.add("HEAD");
    known.set(url, methods);
  });
  return known;
}

/** A known path answers every method: OPTIONS with what it takes, for browsers too, and the rest with 405. */
function addOtherMethods(app: FastifyInstance, url: string, methods: ReadonlySet<string>): void {
  const allow = [...methods, "OPTIONS"].join(", ");
  const config = { access: "open", limit: "none" } as const;
  app.options(url, { schema: { hide: true }, config }, (_request, reply) => {
    dressPreflight(reply.raw, allow);
    return reply.code(204).send();
  });
  app.route({
    url,
    method: METHODS.filter((method) => method !== "OPTIONS" && !methods.has(method)),
    schema: { hide: true },
    config,
    handler: () => {
      throw new NetworkError({ code: "method_not_allowed", allow: allow as OurWords });
    },
  });
}

/** What is not HTTP, too large or too slow has no request to answer: a bare status line, then the connection ends. */
function refuseMalformed(deps: HttpDeps, code: string | undefined, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const status = code === "HPE_HEADER_OVERFLOW" ? 431 : code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
  const requestId = requestIdOf({ headers: {} }, deps.random);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nx-request-id: ${requestId}\r\nrequest-id: ${requestId}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
  );
}
