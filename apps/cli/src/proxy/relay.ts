import type { Darkbloom, Verification } from "@darkbloom/client";
import { joinBytes } from "@darkbloom/protocol/bytes";
import { BODY_BYTES_MAX } from "@darkbloom/protocol/limits";
import { once } from "node:events";
import { addAbortSignal } from "node:stream";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Records } from "./records.ts";
import { PROXY_RECEIPTS_AWAITED_MAX } from "./limits.ts";
import { refuse } from "./refusal.ts";

export interface Relaying {
  readonly darkbloom: Darkbloom;
  readonly coordinator: URL;
  readonly records: Records;
  /** Aborts when nothing can be waited for any longer. */
  readonly shutdown: AbortSignal;
  /** Those that were left, and whose receipts are asked for. */
  readonly awaited: Set<Verification>;
}

/** What a program may say to the coordinator; the rest is about it, or is the proxy's token. */
const passedOn =
  /^(?:accept|content-type|anthropic-(?:version|beta)|openai-beta|idempotency-key|x-request-id|x-darkbloom-.+)$/;
/** What is about one connection, or about a body that was read here, or changes what a browser keeps of this address. */
const dropped =
  /^(?:connection|keep-alive|transfer-encoding|trailer|content-encoding|content-length|access-control-.+|vary|set-cookie|clear-site-data)$/;

/** One request of a program: asked through the client library, handed back as it comes out of it, and told of in the records. */
export async function relay(
  net: Relaying,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const left = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) left.abort(new Error("the program has left"));
  });
  const signal = AbortSignal.any([left.signal, net.shutdown]);
  const answer = await answerTo(net, request, path, signal);
  if (answer === "body_too_large") response.setHeader("connection", "close");
  if (typeof answer === "string") return signal.aborted ? void response.destroy() : refuse(response, answer, path);
  const told = request.method === "POST" ? keep(net, answer) : Promise.resolve();
  // What the proxy has said itself stands.
  const passes = ([name]: readonly [name: string, value: string]): boolean =>
    !dropped.test(name) && !response.hasHeader(name);
  response.writeHead(answer.status, Object.fromEntries([...answer.headers].filter(passes)));
  try {
    for await (const chunk of answer.body ?? []) {
      if (response.write(chunk)) continue;
      await once(response, "drain", { signal });
    }
    response.end();
  } catch {
    // The program has left, or what came does not hold and cannot be told any more.
    response.destroy();
  }
  await told;
}

/** Its body is held no longer than it is asked, however long its receipt is waited for. */
async function answerTo(
  { darkbloom, coordinator }: Relaying,
  request: IncomingMessage,
  path: string,
  signal: AbortSignal,
): Promise<Response | "body_too_large" | "unreachable"> {
  const body = await bodyOf(addAbortSignal(signal, request));
  if (!body) return "body_too_large";
  const { search } = new URL(request.url ?? "/", "http://proxy");
  return darkbloom
    .fetch(new URL(`.${path}${search}`, coordinator), {
      method: request.method ?? "GET",
      headers: headersFrom(request.headers),
      ...(body.length > 0 && { body }),
      signal,
    })
    .catch(() => "unreachable" as const);
}

/** What was checked is told when it is known; of an answer that was left, its receipt too when it is there. */
async function keep({ darkbloom, records, shutdown, awaited }: Relaying, answer: Response): Promise<void> {
  const verification = await darkbloom.verificationOf(answer);
  records.add(verification);
  if (verification.outcome !== "left" || verification.jobId === undefined) return;
  if (awaited.size >= PROXY_RECEIPTS_AWAITED_MAX) return;
  awaited.add(verification);
  const complete = await darkbloom.receiptOf(verification.jobId, { signal: shutdown }).catch(() => undefined);
  awaited.delete(verification);
  if (complete) records.complete(verification, complete);
}

const headersFrom = (headers: IncomingHttpHeaders): Headers =>
  new Headers(
    Object.entries(headers).flatMap(([name, value]): [string, string][] =>
      passedOn.test(name) && typeof value === "string" ? [[name, value]] : [],
    ),
  );

async function bodyOf(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return joinBytes(chunks);
}
