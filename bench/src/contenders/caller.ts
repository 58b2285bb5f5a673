import type * as Client from "@darkbloom/client";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { askOf, dialect } from "../answers.ts";
import { isOrder, type Mode, type Order, type Taken, type WireBytes } from "../sealed/orders.ts";
import { answerParent, argument } from "./answer-parent.ts";

/** A program that asks through the client library, as it is published. It asks when it is told to. */
const baseURL = `http://127.0.0.1:${argument(0)}`;
const apiKey = argument(1);
const built = createRequire(join(argument(2), "package.json")).resolve("@darkbloom/client");
const { createDarkbloom } = (await import(pathToFileURL(built).href)) as typeof Client;

const through = (mode: Mode, send?: typeof fetch): Client.Darkbloom =>
  createDarkbloom({
    baseURL,
    apiKey,
    policy: { mode, minTrust: "self_signed" },
    ...(send && { fetch: send }),
  });

const clients = { sealed: through("sealed"), transparent: through("transparent") };

interface Timed {
  readonly firstMs: number;
  readonly totalMs: number;
}

/** @returns why an answer does not count, where it does not */
async function exchange(client: Client.Darkbloom, body: Buffer): Promise<Timed | string> {
  const askedMs = performance.now();
  const headers = { "content-type": "application/json" };
  const response = await client.fetch(`${baseURL}${dialect.endpoint}`, {
    method: "POST",
    headers,
    body: new Uint8Array(body),
  });
  let firstMs: number | undefined;
  for await (const _ of response.body ?? []) firstMs ??= performance.now() - askedMs;
  const totalMs = performance.now() - askedMs;
  if (response.status !== 200 || firstMs === undefined) return `status ${response.status}`;
  const { outcome, error } = await client.verificationOf(response);
  return outcome === "verified" ? { firstMs, totalMs } : (error?.code ?? outcome);
}

/** Each caller asks, takes the whole answer, and asks again, at least once. */
async function take({ mode, asked, callers, forMs }: Order): Promise<Taken> {
  const body = askOf(asked);
  const timings: Timed[] = [];
  const failures: Record<string, number> = {};
  const startedMs = performance.now();
  const caller = async (): Promise<void> => {
    do {
      const taken = await exchange(clients[mode], body);
      if (typeof taken !== "string") timings.push(taken);
      else failures[taken] = (failures[taken] ?? 0) + 1;
    } while (performance.now() - startedMs < forMs && Object.keys(failures).length === 0);
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { timings, failures, bytes: undefined };
}

/** One exchange of which all bytes are counted that the library hands over and is handed: header lines and bodies. */
async function count({ mode, asked }: Order): Promise<Taken> {
  const bytes = { asked: 0, answered: 0 } satisfies WireBytes;
  const client = through(mode, async (url, init) => {
    const response = await fetch(url, init);
    if (init?.method !== "POST") return response;
    bytes.asked = headerBytes(new Headers(init.headers)) + (init.body instanceof Uint8Array ? init.body.length : 0);
    bytes.answered = headerBytes(response.headers);
    const counter = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform: (chunk, on) => {
        bytes.answered += chunk.length;
        on.enqueue(chunk);
      },
    });
    return new Response(response.body?.pipeThrough(counter) ?? null, response);
  });
  const taken = await exchange(client, askOf(asked));
  const failures = typeof taken === "string" ? { [taken]: 1 } : {};
  return { timings: [], failures, bytes };
}

const headerBytes = (headers: Headers): number =>
  [...headers].reduce((sum, [name, value]) => sum + name.length + value.length + ": \r\n".length, 0);

answerParent(
  { port: 0, apiKey: "" },
  async () => undefined,
  (message) => {
    if (!isOrder(message)) throw new TypeError("an unknown question");
    return message.counted ? count(message) : take(message);
  },
);
