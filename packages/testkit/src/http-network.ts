import {
  Changes,
  createHttpServer,
  MemoryDeposits,
  MemoryWithdrawals,
  PayoutDesk,
  MemoryAccounts,
  Recent,
  signInInMemory,
  type CatalogEntry,
  type SerialDisclosure,
} from "@darkbloom/coordinator/testing";
import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { Endpoint } from "@darkbloom/protocol/dialects";
import type { KeyId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { buffer } from "node:stream/consumers";
import { account, entry, TestNetwork, type Shared } from "./network.ts";
import { unbound } from "@darkbloom/coordinator/accounts/key-terms";
import type { KeyTerms } from "@darkbloom/coordinator/accounts/port";

export const KEY = "eigeninference-testtesttesttesttesttesttesttesttesttesttes";

/** Of one response, all that came over the wire. */
export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: NodeJS.Dict<string>;
  readonly body: Buffer;
}

interface Sent {
  readonly method?: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Record<string, string>;
}

/** A question in each dialect's own words. */
export function questionFor(endpoint: Endpoint, more: object = {}): Record<string, unknown> {
  const messages = [{ role: "user", content: "What is rain?" }];
  const prompt: Record<Endpoint, object> = {
    "/v1/chat/completions": { messages },
    "/v1/responses": { input: "What is rain?" },
    "/v1/responses/compact": { input: "What is rain?" },
    "/v1/completions": { prompt: "What is rain?" },
    "/v1/messages": { messages, max_tokens: 100 },
    "/v1/messages/count_tokens": { messages },
    "/v1/embeddings": { input: "What is rain?" },
  };
  return { model: entry.id, ...prompt[endpoint], ...more };
}

/** The network in a process with its HTTP edge in front, on a loopback port. Time passes while a request waits. */
export class HttpNetwork extends TestNetwork implements AsyncDisposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #accounts = new MemoryAccounts();
  /** Who may sign in. */
  readonly signIn = signInInMemory(this.core.edge);
  readonly #http: ReturnType<typeof createHttpServer>;
  #port = 0;

  private constructor(burst: number, disclosure: SerialDisclosure, sold: CatalogEntry, shared?: Shared) {
    super(1, disclosure, sold, [], shared);
    this.#http = createHttpServer({
      ...this.core.edge,
      accounts: this.#accounts,
      ...this.signIn,
      changes: new Changes(),
      recent: new Recent(this.clock),
      deposits: new MemoryDeposits(),
      payouts: new PayoutDesk({ ...this.core.edge, withdrawals: new MemoryWithdrawals() }),
      adminFor: () => {
        throw new RangeError("nobody operates this network over HTTP");
      },
      metrics: { contentType: "text/plain", text: async () => "" },
      acceptProvider: (_request, socket) => socket.destroy(),
      settings: {
        corsOrigins: [],
        trustProxy: false,
        version: "0.1.0",
        minTrustDefault: "self_signed",
        requestsPerSec: burst,
        requestsBurst: burst,
      },
    });
  }

  /**
   * @param burst requests that one account may send at once
   * @param pins the machines that the key is bound to
   * @param sold the one model of the catalog
   * @param shared where it is one coordinator of several
   */
  static async open({
    burst = 1_000_000,
    disclosure = "serial",
    pins = [],
    sold = entry,
    shared,
    selfRouteOnly = false,
  }: {
    burst?: number;
    disclosure?: SerialDisclosure;
    pins?: readonly string[];
    sold?: CatalogEntry;
    shared?: Shared;
    selfRouteOnly?: boolean;
  } = {}): Promise<HttpNetwork> {
    const made = new HttpNetwork(burst, disclosure, sold, shared);
    await made.#accounts.add(toHex(nodeCrypto.sha256(utf8(KEY))) as Sha256Hex, {
      keyId: "key_test" as KeyId,
      account,
      ...unbound,
      selfRouteOnly,
      name: "",
      label: "eigeninference-Ab3…x9Q2",
      pins: pins as readonly Serial[],
      createdAt: 0,
      createdBy: null,
      lastUsedAt: null,
      revokedAt: null,
    });
    made.#port = (await made.#http.listen({ host: "127.0.0.1", port: 0 })).port;
    return made;
  }

  /** What bounds the key from its next request on. */
  async bound(terms: Partial<KeyTerms>): Promise<void> {
    await this.#accounts.change("key_test" as KeyId, terms);
  }

  /** The key is good for nothing from now on. */
  async revoke(): Promise<void> {
    await this.#accounts.revoke("key_test" as KeyId, this.clock.now());
  }

  /** Where it listens, on this machine. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** One request with a good key, unless `headers` say otherwise. Nothing passes time meanwhile: see `during`. */
  async send(path: string, { method = "POST", body, headers = {} }: Sent = {}): Promise<Answered> {
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    const sent = httpRequest({ agent: this.#agent, host: "127.0.0.1", port: this.#port, path, method }, (response) => {
      buffer(response).then(
        (bytes) =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            trailers: response.trailers,
            body: bytes,
          }),
        reject,
      );
    });
    sent.on("error", reject);
    for (const [name, value] of Object.entries({
      authorization: `Bearer ${KEY}`,
      "content-type": "application/json",
      ...headers,
    }))
      if (value !== "") sent.setHeader(name, value);
    sent.end(body);
    return promise;
  }

  /** Lets time pass, in steps, until the promise has settled. One at a time. */
  async during<T>(wanted: Promise<T>, stepMs = 1): Promise<T> {
    const state = { done: false };
    const settled = wanted.finally(() => void (state.done = true));
    settled.catch(() => undefined);
    while (!state.done) await this.clock.advance(stepMs);
    return settled;
  }

  /** A request whose body is JSON, and its answer. */
  call(path: string, body: unknown, headers: Record<string, string> = {}, stepMs = 1): Promise<Answered> {
    return this.during(this.send(path, { body: JSON.stringify(body), headers }), stepMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.#http.close();
  }
}
