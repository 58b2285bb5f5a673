import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SerialDisclosure } from "@darkbloom/coordinator/machines/trust/serial-names";
import { COORDINATOR_FOLDER } from "./admin.ts";
import { Child, ChildEndedEarly, textIn, type ChildEvent } from "./child.ts";
import { reachableUrl } from "./listening.ts";
import { HANG_LOOK_EVERY_MS, HangWatch } from "./hang-watch.ts";
import { providerFolder, statusIn } from "./machine-folder.ts";
import { note } from "./output.ts";
import { scrubbedEnvironment } from "@darkbloom/provider/posture/environment";
import { environmentNameOf, flagOf, isSettingName, type SettingName } from "./settings.ts";

/** After the first provider that serves: what `up` waits for the others before it says how many do. */
const OTHERS_WAIT_MS = 30_000;

export interface NetworkPlan {
  readonly data: string;
  readonly host: string;
  /** 0: any free one, which a restarted coordinator then keeps. */
  readonly port: number;
  readonly providers: number;
  /** The GGUF file, and the catalog's name for it. */
  readonly modelPath: string;
  readonly build: string;
  readonly slots: number;
  /** Undefined where nobody asked for one. */
  readonly context: number | undefined;
  /** Of each provider. */
  readonly threads: number;
  readonly logLevel: string;
  /** In seconds. */
  readonly drainTimeout: number;
  readonly serialDisclosure: SerialDisclosure;
  readonly corsOrigins: readonly string[];
  readonly aliases: readonly { readonly name: string; readonly model: string }[];
  readonly requestsPerMinute: number;
  readonly receiptDays: number;
  /** What providers on other machines show; our own read the coordinator's local secret in its folder. */
  readonly joinToken: string | undefined;
  /** The URL of a PostgreSQL database. */
  readonly database: string | undefined;
  /** A process of ours ended, or hung and was ended, and is started again. */
  onRestart(facts: { readonly process: string; readonly reason: string; readonly retryInMs: number }): void;
}

/** The processes of `darkbloom up`. Disposing stops the coordinator first, since its requests need the providers. */
export interface Network extends AsyncDisposable {
  /** Where this machine reaches the coordinator, e.g. `http://127.0.0.1:8080`. */
  readonly baseUrl: string;
  /**
   * The serial of the first provider that may serve, and how many do: all, or those that did within
   * `OTHERS_WAIT_MS` of the first. Rejects with `ChildEndedEarly` when none is left that could.
   */
  readonly serving: Promise<{ readonly serial: string; readonly ready: number }>;
}

/**
 * Starts the coordinator and, when it listens, the providers.
 *
 * @throws ChildEndedEarly where the coordinator cannot start; it has said why on stderr
 */
export async function startNetwork(plan: NetworkPlan): Promise<Network> {
  await using opening = new AsyncDisposableStack();
  let port = plan.port;
  let isStopping = false;
  const restarted =
    (name: string) =>
    ({ how, pauseMs }: { how: string; pauseMs: number }) =>
      plan.onRestart({ process: name, reason: how, retryInMs: pauseMs });
  const coordinator = new Child({
    name: "coordinator",
    drainMs: plan.drainTimeout * 1000,
    args: () => coordinatorArgs(plan, port),
    environment: { ...secretOf("joinToken", plan.joinToken), ...secretOf("database", plan.database) },
    onEvent: () => undefined,
    onRestart: restarted("coordinator"),
  });
  opening.use(coordinator);
  const baseUrl = reachableUrl(textIn(await coordinator.ready, "base_url"));
  if (port === 0) port = Number(new URL(baseUrl).port);

  const providers = Array.from({ length: plan.providers }, (_, index) => {
    const name = providerFolder(index + 1);
    const provider = new Child({
      name,
      drainMs: plan.drainTimeout * 1000,
      args: () => providerArgs(plan, baseUrl, name),
      inherited: scrubbedEnvironment(process.env),
      onEvent: (event) => {
        const news = newsOf(event);
        // While everything stops, that a provider lost its coordinator is no news.
        if (news !== undefined && !isStopping) note(`${name}: ${news}`);
      },
      onRestart: restarted(name),
    });
    provider.ready.catch(() => note(`${name} could not start, and is left out.`));
    return provider;
  });
  opening.use(watchForHangs(plan.data, providers));
  const parts = opening.move();
  return {
    baseUrl,
    serving: servingOf(providers),
    async [Symbol.asyncDispose]() {
      isStopping = true;
      await parts.disposeAsync();
      await Promise.all(providers.map((provider) => provider[Symbol.asyncDispose]()));
    },
  };
}

/** A coordinator drops a provider that hangs; here it is ended, so that it comes back. */
function watchForHangs(data: string, providers: readonly Child[]): Disposable {
  const watched = providers.map((provider, index) => ({
    provider,
    watch: new HangWatch(),
    folder: join(data, providerFolder(index + 1)),
  }));
  const timer = setInterval(() => {
    for (const { provider, watch, folder } of watched) {
      const status = statusIn(folder);
      // What a process before it has left says nothing of this one, which may still load its model.
      const seconds = watch.look(status?.pid === provider.pid ? status?.at : undefined);
      if (seconds !== undefined) provider.replace(`gave no sign of life for ${seconds} s and was ended`);
    }
  }, HANG_LOOK_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

async function servingOf(providers: readonly Child[]): Promise<{ serial: string; ready: number }> {
  let ready = 0;
  const each = providers.map((provider) =>
    provider.ready.then((line) => {
      ready++;
      return textIn(line, "serial");
    }),
  );
  const serial = await Promise.any(each).catch(() => Promise.reject(new ChildEndedEarly()));
  const enough = new AbortController();
  await Promise.race([
    Promise.allSettled(each),
    sleep(OTHERS_WAIT_MS, undefined, { signal: enough.signal }).catch(() => undefined),
  ]);
  enough.abort();
  return { serial, ready };
}

const coordinatorArgs = (plan: NetworkPlan, port: number): readonly string[] => {
  const { data, host, logLevel, serialDisclosure, corsOrigins, requestsPerMinute, receiptDays, drainTimeout } = plan;
  return [
    "coordinator",
    ...flags({
      host,
      port,
      data: join(data, COORDINATOR_FOLDER),
      logLevel,
      serialDisclosure,
      requestsPerMinute,
      receiptDays,
      drainTimeout,
    }),
    ...corsOrigins.flatMap((origin) => [flagOf("corsOrigin"), origin]),
    ...plan.aliases.flatMap(({ name, model }) => [flagOf("alias"), `${name}=${model}`]),
    // What this network was never started with would only fail.
    flagOf("hideUnserved"),
  ];
};

const providerArgs = (plan: NetworkPlan, coordinator: string, name: string): readonly string[] => {
  const { modelPath: model, build, slots, context, threads, logLevel, drainTimeout } = plan;
  return [
    "provider",
    "start",
    ...flags({
      coordinator,
      coordinatorData: join(plan.data, COORDINATOR_FOLDER),
      data: join(plan.data, name),
      model,
      build,
      slots,
      context,
      threads,
      logLevel,
      drainTimeout,
      identity: "software",
    }),
  ];
};

/** Said on the command line, so that nothing of it comes from the environment that the children share with us. */
const flags = (values: { readonly [Name in SettingName]?: string | number | undefined }): readonly string[] => [
  ...Object.entries(values).flatMap(([setting, value]) =>
    isSettingName(setting) && value !== undefined ? [flagOf(setting), String(value)] : [],
  ),
  flagOf("json"),
];

/** Not on the command line, which every user of the machine can read. */
const secretOf = (setting: SettingName, secret: string | undefined): Readonly<Record<string, string>> =>
  secret === undefined ? {} : { [environmentNameOf(setting)]: secret };

function newsOf(event: ChildEvent): string | undefined {
  switch (event.event) {
    case "lost":
      return "the connection to the coordinator is lost; it reconnects.";
    case "not_eligible":
      return `it does not serve. ${textIn(event, "reason")}`;
    case "loading":
      return `it loads the model (${textIn(event, "step")}, ${String(event["percent"])} %).`;
    case "engine":
      return event["state"] === "ready"
        ? "its model is back."
        : `its model is ${textIn(event, "state")}. ${textIn(event, "reason")}`;
    case "eligible":
      return "it serves again.";
    default:
      return undefined;
  }
}
