import { openStore } from "@darkbloom/coordinator/adapters/open-store";
import { withAdmin } from "@darkbloom/coordinator/admin/client";
import { bundledEntry } from "@darkbloom/coordinator/catalog/bundled";
import { startCoordinator } from "@darkbloom/coordinator/start-coordinator";
import { microUsd } from "@darkbloom/protocol/money";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import type { Engine } from "@darkbloom/provider/inference/engine";
import { startProvider } from "@darkbloom/provider/start-provider";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Folder } from "../running.ts";
import type { GoldenCase } from "./cases.ts";
import type { Take } from "./tape.ts";

/**
 * Answers as they go over the wire, kept byte for byte, so that a change of any of them is seen and meant.
 *
 * Two machines need not draw the same words from one model: llama.cpp rounds as its CPU does. So what is
 * kept of the model are its pieces, and an answer is made again from those by all the rest: coordinator,
 * provider, rendering, sealing and HTTP. Names, times and the receipt differ each time and are replaced.
 */
const folder = import.meta.dirname;
export const takesFile = join(folder, "takes.json");

export const goldenFile = (name: string): string => join(folder, `${name}.txt`);
export const readTakes = (): Record<string, Take> =>
  JSON.parse(readFileSync(takesFile, "utf8")) as Record<string, Take>;
/** One take a line. */
export const takesText = (takes: Readonly<Record<string, Take>>): string =>
  `{\n${Object.entries(takes)
    .map(([name, take]) => `${JSON.stringify(name)}: ${JSON.stringify(take)}`)
    .join(",\n")}\n}\n`;

const CREDIT = microUsd(100_000_000n);

/** A coordinator and a provider as they are deployed, with this engine, in one process. */
export class GoldenNetwork implements AsyncDisposable {
  readonly #parts: AsyncDisposableStack;
  readonly base_url: string;
  readonly api_key: string;

  private constructor(parts: AsyncDisposableStack, baseUrl: string, apiKey: string) {
    this.#parts = parts;
    this.base_url = baseUrl;
    this.api_key = apiKey;
  }

  static async open(engine: Engine): Promise<GoldenNetwork> {
    await using opening = new AsyncDisposableStack();
    const data = opening.use(new Folder()).path;
    const [coordinatorData, providerData] = [join(data, "coordinator"), join(data, "provider")];
    const common = { logLevel: "error", version: "0.0.0" } as const;
    const direct = {
      openStore: (path: string) => openStore(path, { clock: systemClock, onSweepError: () => undefined }),
      clock: systemClock,
      random: systemRandom,
      crypto: nodeCrypto,
    };
    const { apiKey } = await withAdmin(coordinatorData, direct, (admin) =>
      admin.createKey({ terms: { name: "goldens" }, credit: CREDIT }),
    );
    const coordinator = await startCoordinator({
      ...common,
      host: "127.0.0.1",
      port: 0,
      dataPath: coordinatorData,
      corsOrigins: [],
      trustProxy: false,
      minTrust: "self_signed",
      platformFeePercent: 0,
    });
    const ready = Promise.withResolvers<void>();
    const provider = await startProvider({
      ...common,
      coordinatorUrl: coordinator.baseUrl,
      dataPath: providerData,
      modelPath: "",
      build: bundledEntry.build,
      engine,
      allowInspector: true,
      hooks: { onReady: () => ready.resolve() },
    });
    // In reverse: the coordinator stops before the provider, which its requests need.
    opening.defer(() => provider.stop({ drainMs: 0 }));
    opening.defer(() => coordinator.stop({ drainMs: 0 }));
    await ready.promise;
    return new GoldenNetwork(opening.move(), coordinator.baseUrl, apiKey);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.disposeAsync();
  }
}

/** Asks, and gives the answer's bytes as text, with what differs each time replaced. */
export async function ask(
  at: { readonly base_url: string; readonly api_key: string },
  { path, body }: GoldenCase,
): Promise<string> {
  const response = await fetch(at.base_url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${at.api_key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${text}`);
  return fixed(text, response.headers.get("x-inference-job-id") ?? "");
}

function fixed(text: string, jobId: string): string {
  const callIds = [...new Set(text.match(/\bcall_[0-9a-f]{24}\b/g))];
  const named = callIds.reduce((before, id, at) => before.replaceAll(id, `call_${at}`), text);
  return named
    .replaceAll(jobId.replace(/^job_/, ""), "JOB")
    .replaceAll(/"(created|created_at|completed_at)":\d+/g, '"$1":0')
    .replace(/: darkbloom-receipt [\w-]+\n\n$/, ": darkbloom-receipt RECEIPT\n\n");
}
