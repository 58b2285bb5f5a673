import { join } from "node:path";
import { bundledEntry } from "@darkbloom/coordinator/catalog/bundled";
import { tasksOf } from "@darkbloom/coordinator/catalog/catalog";
import type { ModelTask } from "@darkbloom/protocol/dialects";
import { openDataFolder } from "@darkbloom/protocol/node";
import { SLOTS_DEFAULT, THREADS_DEFAULT } from "@darkbloom/provider/engine/llama/model-file";
import { administerFolder, COORDINATOR_FOLDER } from "../admin.ts";
import { ChildEndedEarly } from "../child.ts";
import { command } from "../command.ts";
import { isLoopback, noTokenNote, plaintextWarning } from "../listening.ts";
import { bundledModel, locateModel } from "../model.ts";
import { startNetwork, type NetworkPlan } from "../network.ts";
import { note, outputOf } from "../output.ts";
import { DRAIN_SEC_DEFAULT, listenForStop } from "../stop.ts";
import { balanceOf, ensureKey, ownersLink } from "../up-account.ts";
import { addToCatalog } from "../up-model.ts";

/** Whoever waits longer than this is told for what. */
const PATIENCE_MS = 2_000;

export const up = command({
  path: "up",
  does: "Run a whole network on this machine: a coordinator, and providers with a small language model.",
  examples: ["up", "up --port 0 --json", "up --providers 2 --data ./net", "up --model ./Qwen3-8B-Q8_0.gguf"],
  needs: {
    port: { default: "8080" },
    host: { default: "127.0.0.1" },
    data: { default: ".darkbloom" },
    database: "optional",
    providers: { default: "1" },
    model: { default: bundledModel.id },
    slots: { default: String(SLOTS_DEFAULT) },
    context: "optional",
    threads: "optional",
    joinToken: "optional",
    alias: "optional",
    corsOrigin: "optional",
    requestsPerMinute: { default: "1200" },
    receiptDays: { default: "90" },
    serialDisclosure: { default: "serial" },
    drainTimeout: { default: DRAIN_SEC_DEFAULT },
    logLevel: { default: "error" },
    json: { default: "false" },
  },
  async run({ data, host, model: wanted, providers, threads, joinToken, corsOrigin, json, ...rest }) {
    const stop = listenForStop(rest.drainTimeout, "a child says it");
    const model = locateModel(wanted);
    const output = outputOf(json);
    if (!isLoopback(host)) {
      note(plaintextWarning(host));
      if (joinToken === undefined) note(noTokenNote);
    }
    await using folder = await openDataFolder(data, "'darkbloom up'");
    const plan: NetworkPlan = {
      ...rest,
      data: folder.path,
      host,
      providers,
      modelPath: model.path,
      build: model.build,
      corsOrigins: corsOrigin ?? [],
      aliases: rest.alias ?? [],
      threads: threads ?? Math.max(1, Math.floor(THREADS_DEFAULT / providers)),
      joinToken,
      onRestart: ({ process: name, reason, retryInMs }) => {
        if (json) output.result({ event: "restarted", process: name, reason, retry_in_ms: retryInMs }, () => "");
      },
    };
    await using network = new AsyncDisposableStack();

    const untilServing = async () => {
      using _patience = tellAfter(
        PATIENCE_MS,
        "Waiting for a provider to load the model and to answer its first challenge …",
      );
      const inFolder = join(plan.data, COORDINATOR_FOLDER);
      const entry =
        model === bundledModel
          ? bundledEntry
          : await addToCatalog(model, plan.context, { path: inFolder, database: rest.database });
      const { baseUrl, serving } = network.use(await startNetwork(plan));
      const { apiKey, link } = await administerFolder({ data: plan.data, database: rest.database }, async (admin) => {
        const key = await ensureKey(folder, admin);
        return { apiKey: key.apiKey, link: await ownersLink(admin, key.account) };
      });
      const signIn = link === undefined ? undefined : baseUrl + link;
      const { serial, ready } = await serving;
      return {
        baseUrl,
        apiKey,
        signIn,
        serial,
        ready,
        balance: await balanceOf(baseUrl, apiKey),
        tasks: tasksOf(entry),
      };
    };
    const start = async (): Promise<0 | 1> => {
      const { baseUrl, apiKey, signIn, serial, ready, balance, tasks } = await untilServing();
      if (ready < providers) note(`${ready} of ${providers} providers serve so far.`);
      output.result(
        {
          event: "ready",
          base_url: baseUrl,
          openai_base_url: `${baseUrl}/v1`,
          api_key: apiKey,
          model: model.id,
          provider_serial: serial,
          providers_ready: ready,
          providers,
          ...(signIn !== undefined && { sign_in_url: signIn }),
        },
        () => welcome({ baseUrl, apiKey, signIn, model: model.id, balance, tasks }),
      );
      await stop.asked;
      return 0;
    };
    try {
      return await Promise.race([start(), stop.asked.then(() => 0 as const)]);
    } catch (error) {
      // The process that failed has written its sentence to the stderr that we share.
      if (error instanceof ChildEndedEarly) return 1;
      throw error;
    }
  },
});

function tellAfter(waitMs: number, text: string): Disposable {
  const timer = setTimeout(() => note(text), waitMs);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

const welcome = (facts: {
  baseUrl: string;
  apiKey: string;
  signIn: string | undefined;
  model: string;
  balance: string;
  tasks: readonly ModelTask[];
}): string => {
  const { baseUrl, apiKey, signIn, model, balance, tasks } = facts;
  const messages = [{ role: "user", content: "Write a haiku about the sea." }];
  const [path, body] = tasks.includes("generate")
    ? ["/v1/chat/completions", { model, messages, stream: true }]
    : tasks.includes("complete")
      ? ["/v1/completions", { model, prompt: "The sea is", max_tokens: 64, stream: true }]
      : ["/v1/embeddings", { model, input: ["The sea is calm.", "No wave moves."] }];
  return `Darkbloom is ready.

  base URL   ${baseUrl}/v1
  API key    ${apiKey}
  model      ${model}
  balance    ${balance} USD${signIn === undefined ? "" : `\n  sign in    ${signIn} (once, within ten minutes)`}

Try it:

  curl -N ${baseUrl}${path} \\
    -H 'Authorization: Bearer ${apiKey}' \\
    -H 'Content-Type: application/json' \\
    -d '${JSON.stringify(body)}'

Look next at ${baseUrl}/llms.txt (guide), ${baseUrl}/openapi.json (every route) and README.md. Ctrl-C stops everything.`;
};
