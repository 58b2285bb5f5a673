import { webCrypto, webHpke } from "@darkbloom/protocol/web";
import { HttpNetwork, KEY } from "@darkbloom/testkit";
import type { Script } from "@darkbloom/provider/testing";
import { Client } from "../src/client.ts";
import { rulesOf, type AnyPolicy } from "../src/policy.ts";
import type { DarkbloomOptions, Verification } from "../src/types.ts";

/** What arrives in place of what was answered; the path has no query. */
export type Meddle = (path: string, answer: () => Promise<Response>, init: RequestInit) => Promise<Response>;

const said: Script = { pieces: ["Rain", " is", " water", "."], tokenMs: 5 };

/** A network in a process, and what a client of it sends. Time is simulated; bytes go over a socket. */
export class World implements AsyncDisposable {
  readonly net: HttpNetwork;
  /** What left the client, in order. */
  readonly sent: string[] = [];
  readonly verifications: Verification[] = [];
  meddle: Meddle = (_path, answer) => answer();

  private constructor(net: HttpNetwork) {
    this.net = net;
  }

  static async open(script: Script = said): Promise<World> {
    const net = await HttpNetwork.open();
    await net.credit();
    const world = new World(net);
    net.provider(() => script);
    await net.clock.advance(1_000);
    return world;
  }

  get baseURL(): string {
    return `http://${this.net.address}`;
  }

  /** How many requests for an answer have left. */
  get asked(): number {
    return this.sent.filter((line) => line.startsWith("POST ")).length;
  }

  client(policy: Partial<AnyPolicy> = {}, more: Partial<DarkbloomOptions> = {}): Client {
    const { clock, random } = this.net;
    const ports = {
      crypto: webCrypto,
      hpke: webHpke,
      now: () => clock.now(),
      random,
      sleep: (ms: number, signal?: AbortSignal) => clock.sleep(ms, signal),
      send: (url: URL, init: RequestInit) => {
        // Whoever is asked sends nobody on: a key is for it alone.
        if (init.redirect !== "error") throw new Error("this would follow to another origin");
        this.sent.push(`${init.method ?? "GET"} ${url.pathname}`);
        return this.meddle(url.pathname, () => fetch(url, init), init);
      },
    };
    const rules = rulesOf(webCrypto, { mode: "transparent", minTrust: "self_signed", ...policy }, [
      "none",
      "self_signed",
      "hardware",
    ]);
    return new Client(ports, rules, {
      baseURL: this.baseURL,
      apiKey: KEY,
      onVerified: (verification) => void this.verifications.push(verification),
      ...more,
    });
  }

  /** Asks, and reads the answer to its end while time passes. */
  ask(client: Client, { path = "/v1/chat/completions", said: more = {}, headers = {} }: Asking = {}): Promise<Told> {
    const body = JSON.stringify({ model: "scripted", messages: [{ role: "user", content: "What is rain?" }], ...more });
    return this.net.during(
      (async () => {
        const response = await client.fetch(`${this.baseURL}${path}`, { method: "POST", body, headers });
        let text = "";
        let broke: unknown;
        const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
        try {
          for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) text += part.value;
        } catch (error) {
          broke = error;
        }
        return { response, text, broke, verification: await client.verificationOf(response) };
      })(),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.net[Symbol.asyncDispose]();
  }
}

export interface Asking {
  readonly path?: string;
  readonly said?: object;
  readonly headers?: Record<string, string>;
}

export interface Told {
  readonly response: Response;
  readonly text: string;
  /** What reading the body threw. */
  readonly broke: unknown;
  readonly verification: Verification;
}

/** The ids of the steps with this status. */
export const stepsThat = (status: "pass" | "fail" | "unknown", { steps }: Verification): string[] =>
  steps.filter((step) => step.status === status).map(({ id }) => id);
