import { Agent, createServer, request as dial, type IncomingHttpHeaders } from "node:http";
import { argument, answerParent } from "./answer-parent.ts";
import { KEEP_ALIVE_MS, listenOnLoopback } from "./loopback.ts";

/** What any relay costs at least: a reverse proxy of two pipes. */
const upstreamPort = argument(0);
const agent = new Agent({ keepAlive: true });

/** Headers of one connection, which are not passed on (RFC 9110 §7.6.1). */
const hopByHop = new Set(["connection", "keep-alive", "transfer-encoding"]);
const endToEnd = (headers: IncomingHttpHeaders): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.has(name)));

const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
  const { method, url: path, headers } = request;
  const upstream = dial({ host: "127.0.0.1", port: upstreamPort, agent, method, path, headers: endToEnd(headers) });
  upstream.on("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
    answer.on("error", () => response.destroy());
    answer.pipe(response);
  });
  upstream.on("error", () => response.destroy());
  response.once("close", () => {
    if (!response.writableFinished) upstream.destroy();
  });
  request.pipe(upstream);
});
const port = await listenOnLoopback(server);
answerParent({ port, apiKey: "" }, async () => server.closeAllConnections());
