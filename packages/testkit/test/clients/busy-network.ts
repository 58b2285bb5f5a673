import { execFileSync } from "node:child_process";
import { binary, get, Program, type Ready, until } from "../running.ts";
import type { At } from "./client.ts";
import { Front } from "./front.ts";
import type { Shapes } from "./shapes.ts";

/** One request a second, six at once. */
const REQUESTS_PER_MINUTE = 60;

/** Where a first call is refused. */
export interface Refusing extends At {
  /** Of the calls from here on. */
  readonly statuses: readonly number[];
}

/** A network of its own that can be full, and that can be without a machine, for clients that wait and ask again. */
export class BusyNetwork implements AsyncDisposable {
  readonly apiKey: string;
  readonly #coordinator: Program;
  readonly #front: Front;
  readonly #direct: Pick<Ready, "base_url" | "api_key">;
  readonly #dataPath: string;
  #provider: Program | undefined;

  private constructor(coordinator: Program, front: Front, baseUrl: string, dataPath: string, apiKey: string) {
    this.#coordinator = coordinator;
    this.#front = front;
    this.#dataPath = dataPath;
    this.#direct = { base_url: baseUrl, api_key: apiKey };
    this.apiKey = apiKey;
  }

  static async start(dataPath: string, shapes: Shapes): Promise<BusyNetwork> {
    const data = `${dataPath}/coordinator`;
    const coordinator = new Program(
      `coordinator --port 0 --data ${data} --log-level error --requests-per-minute ${REQUESTS_PER_MINUTE}`.split(" "),
    );
    const { base_url } = await coordinator.ready;
    const front = await Front.listen(base_url, shapes);
    const network = new BusyNetwork(coordinator, front, base_url, dataPath, keyIn(data));
    await network.#join();
    return network;
  }

  get url(): string {
    return this.#front.url;
  }

  /** Uses up what the account may send right now: the first refusal after a call that was let through, so that a second is left. */
  async full(): Promise<Refusing> {
    const ask = () => fetch(`${this.url}/v1/models`, { headers: { "x-api-key": this.apiKey } });
    while ((await ask()).status === 429);
    while ((await ask()).status !== 429);
    return { url: this.url, apiKey: this.apiKey, statuses: this.#fromHere() };
  }

  /** Without a machine until the first caller was told so; with an account that may send. */
  async deserted(): Promise<Refusing> {
    await this.#provider?.[Symbol.asyncDispose]();
    await this.#providersAre(0);
    const apiKey = keyIn(`${this.#dataPath}/coordinator`);
    const statuses = this.#fromHere();
    void until(async () => statuses.length > 0, 10_000).then(() => this.#join());
    return { url: this.url, apiKey, statuses };
  }

  async #join(): Promise<void> {
    const { base_url: at } = this.#direct;
    this.#provider = new Program(
      `provider start --coordinator ${at} --data ${this.#dataPath}/provider --log-level error`.split(" "),
    );
    await this.#provider.ready;
  }

  #providersAre(count: number): Promise<void> {
    return until(async () => {
      const { providers } = await get(this.#direct, "/v1/providers/attestation");
      return (providers as unknown[]).length === count;
    }, 10_000);
  }

  #fromHere(): readonly number[] {
    this.#front.statuses.length = 0;
    return this.#front.statuses;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#front[Symbol.asyncDispose]();
    await this.#provider?.[Symbol.asyncDispose]();
    await this.#coordinator[Symbol.asyncDispose]();
  }
}

function keyIn(data: string): string {
  const made = execFileSync(process.execPath, [binary, "keys", "create", "--data", data, "--credit", "1", "--json"]);
  return (JSON.parse(made.toString()) as { api_key: string }).api_key;
}
