import Fastify, { type FastifyReply } from "fastify";
import { hasZodFastifySchemaValidationErrors, serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { declarationOf } from "../http/access.ts";
import { otherCompilers } from "../http/compilers.ts";
import { Described } from "../http/described.ts";
import { AdminError, failureOf, otherVersion } from "./fault.ts";
import type { Admin } from "./operations.ts";
import { adminRoutes } from "./routes.ts";
import { placeAdminSocket } from "./socket-path.ts";
import {
  ADMIN_BODY_BYTES_MAX,
  ADMIN_CONNECTIONS_MAX,
  ADMIN_HEADER_BYTES_MAX,
  ADMIN_LAST_WORDS_MS,
  ADMIN_SIGN_EVERY_MS,
  ADMIN_SILENCE_MAX_MS,
} from "./limits.ts";

const SOCKET_UMASK = 0o177;
/** How often Node looks for requests that take too long to come. */
const LATE_LOOK_EVERY_MS = 1_000;

/**
 * Serves the operator's routes on a Unix socket in the data folder that this user alone may open (mode 0600):
 * who can write there could change the database anyway.
 *
 * Disposing finishes the requests that have begun, then closes the socket and removes it.
 *
 * @param folderPath of an open `DataFolder`
 * @param version of this software, for the description
 * @throws AdminError where no path is short enough for a socket
 */
export async function serveAdmin(folderPath: string, admin: Admin, version = ""): Promise<AsyncDisposable> {
  const server = createServer({
    maxHeaderSize: ADMIN_HEADER_BYTES_MAX,
    requestTimeout: ADMIN_SILENCE_MAX_MS,
    headersTimeout: ADMIN_SILENCE_MAX_MS,
    connectionsCheckingInterval: LATE_LOOK_EVERY_MS,
  });
  server.setTimeout(ADMIN_SILENCE_MAX_MS);
  server.maxConnections = ADMIN_CONNECTIONS_MAX;
  // What is not read waits in no memory of ours: each request has a connection of its own.
  server.maxRequestsPerSocket = 1;
  server.on("request", (_request, response) => (response.shouldKeepAlive = false));
  server.on("clientError", refuseMalformed);
  const visits = new Visits(server);
  const app = await adminApp(admin, server, visits, version);

  await using listening = new AsyncDisposableStack();
  listening.defer(() => app.close());
  const place = listening.use(placeAdminSocket(folderPath));
  // The mode must be right from the first moment; a chmod afterwards would come too late for a quick stranger.
  const umask = process.umask(SOCKET_UMASK);
  try {
    server.listen(place.path);
  } finally {
    process.umask(umask);
  }
  await once(server, "listening");
  listening.defer(async () => {
    const closed = once(server, "close");
    server.close();
    visits.end();
    await closed;
  });
  return listening.move();
}

async function adminApp(admin: Admin, server: Server, visits: Visits, version: string) {
  const app = Fastify({
    logger: false,
    schemaController: otherCompilers,
    bodyLimit: ADMIN_BODY_BYTES_MAX,
    return503OnClosing: false,
    serverFactory: (handler) => server.on("request", handler),
    frameworkErrors: (error, _request, reply) => void refuse(reply, error),
  });
  app.removeContentTypeParser("text/plain");
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.addHook("onRoute", (route) => void declarationOf(route));
  app.addHook("onRequest", async (request) => {
    // Whoever came through the socket is the operator; what is others' is not served here.
    if (!request.is404 && declarationOf(request.routeOptions).access !== "operator")
      throw new AdminError("invalid", "This is served on the coordinator's port.");
  });
  // Its body is whole by now.
  app.addHook("preHandler", async (request, reply) => {
    // That an answer takes long is told by HTTP's own sign of life.
    const sign = setInterval(() => reply.raw.writeProcessing(), ADMIN_SIGN_EVERY_MS);
    reply.raw.once("close", () => clearInterval(sign));
    visits.asked(request.raw.socket, sign);
  });
  app.addHook("onSend", async (request) => visits.answered(request.raw.socket));
  app.setErrorHandler((error, _request, reply) => refuse(reply, error));
  app.setNotFoundHandler((_request, reply) => refuse(reply, otherVersion()));
  const described = new Described(app, version);
  void app.register(async (scope) => {
    for (const { method, path, route } of adminRoutes(admin, described)) scope.route({ ...route, method, url: path });
  });
  await app.ready();
  return app;
}

/** Who is connected, and how far each is: closing waits for answers that are being made, and for nobody else. */
class Visits {
  readonly #signs = new Map<Socket, NodeJS.Timeout | undefined>();
  readonly #made = new WeakSet<Socket>();
  #ending = false;

  constructor(server: Server) {
    server.on("connection", (socket) => {
      this.#signs.set(socket, undefined);
      socket.once("close", () => this.#signs.delete(socket));
    });
  }

  asked(socket: Socket, sign: NodeJS.Timeout): void {
    this.#signs.set(socket, sign);
  }

  /** From here on it is being sent. */
  answered(socket: Socket): void {
    clearInterval(this.#signs.get(socket));
    this.#made.add(socket);
    if (this.#ending) endSoon(socket);
  }

  end(): void {
    this.#ending = true;
    for (const [socket, sign] of this.#signs)
      if (!sign) socket.destroy();
      else if (this.#made.has(socket)) endSoon(socket);
  }
}

/** Who does not read an answer is not waited for. */
function endSoon(socket: Socket): void {
  const late = setTimeout(() => socket.destroy(), ADMIN_LAST_WORDS_MS);
  socket.once("close", () => clearTimeout(late));
}

function refuse(reply: FastifyReply, error: unknown): FastifyReply {
  const failure = asAdminError(error);
  return reply
    .code(failure.status)
    .type("application/json; charset=utf-8")
    .serializer((body: string) => body)
    .send(JSON.stringify(failureOf(failure)));
}

function asAdminError(error: unknown): AdminError {
  if (error instanceof AdminError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const field = error.validation[0]?.instancePath.slice(1) ?? "";
    return new AdminError(
      "invalid",
      `What is sent${field === "" ? "" : ` as '${field}'`} does not fit; GET /openapi.json on this socket describes it.`,
    );
  }
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  if (status === 413) return new AdminError("invalid", `A request is longer than ${ADMIN_BODY_BYTES_MAX} bytes.`);
  if (status === 400 || status === 415) return new AdminError("invalid", "A request's body must be one JSON object.");
  return new AdminError(
    "internal",
    "The coordinator could not do that; its database may be full or damaged. Nothing was changed that was not confirmed.",
  );
}

const lineOfOldVersion = /^\s*\{/;

/** What is no HTTP. Up to 0.1.0 each end wrote lines of JSON: such a command is told in its own form what to do. */
function refuseMalformed(error: Error & { rawPacket?: Buffer; code?: string }, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const isOld = lineOfOldVersion.test(error.rawPacket?.toString("latin1") ?? "");
  const line = { error: { code: "internal", message: otherVersion().message } };
  const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
  socket.end(
    isOld ? `${JSON.stringify(line)}\n` : `HTTP/1.1 ${status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
  );
}
