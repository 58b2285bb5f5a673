import { execFileSync } from "node:child_process";
import { binary, get, Program, type Ready, until } from "../running.ts";
import { Front } from "./front.ts";
import type { Shapes } from "./shapes.ts";

/** One request a second, six at once. */
const REQUESTS_PER_MINUTE = 60;

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
    const made = execFileSync(process.execPath, [binary, "keys", "create", "--data", data, "--credit", "1", "--json"]);
    const { api_key } = JSON.parse(made.toString()) as { api_key: string };
    const network = new BusyNetwork(coordinator, await Front.listen(base_url, shapes), base_url, dataPath, api_key);
    await network.#join();
    return network;
  }

  get url(): string {
    return this.#front.url;
  }

  /** Uses up what the account may send right now. @returns the statuses of the calls from here on */
  async full(): Promise<readonly number[]> {
    const ask = () => fetch(`${this.url}/v1/models`, { headers: { "x-api-key": this.apiKey } });
    while ((await ask()).status !== 429);
    return this.#fromHere();
  }

  /** Without a machine until the first caller was told so. @returns the statuses of the calls from here on */
  async deserted(): Promise<readonly number[]> {
    await this.#provider?.[Symbol.asyncDispose]();
    await this.#providersAre(0);
    const statuses = this.#fromHere();
    void until(async () => statuses.length > 0, 10_000).then(() => this.#join());
    return statuses;
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
