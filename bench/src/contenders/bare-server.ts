import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { answerOf, decodedIn, scriptedEngine } from "../answers.ts";
import { answerParent } from "./answer-parent.ts";
import { KEEP_ALIVE_MS, listenOnLoopback } from "./loopback.ts";

/**
 * The floor: the scripted engine behind nothing but `node:http`. It writes the same chunks as a
 * provider renders, made beforehand: no dialect, no sealing, no signature, no money.
 */
const engine = scriptedEngine();
const answers = new Map<string, readonly Uint8Array[]>();

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = Buffer.concat(await request.toArray());
  const decoded = decodedIn(body);
  const { job } = decoded;
  const name = body.toString("latin1");
  const chunks = answers.get(name) ?? (await answerOf(decoded));
  answers.set(name, chunks);

  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const generation = { ...job.sampling, seed: 0, maxTokens: job.maxTokens };
  const run = engine.run(await engine.prompt(job), generation, gone.signal);
  if (!job.stream) {
    for await (const _ of run) continue;
    const whole = Buffer.concat(chunks);
    response.writeHead(200, { "content-type": "application/json", "content-length": whole.length });
    response.end(whole);
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  for await (const { completionTokens } of run) {
    const full = !response.write(chunks[completionTokens - 1]);
    if (full) await once(response, "drain", { signal: gone.signal });
  }
  response.end(chunks.at(-1));
}

const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
  answer(request, response).catch(() => response.destroy());
});
const port = await listenOnLoopback(server);
answerParent({ port, apiKey: "" }, async () => server.closeAllConnections());
