import { join } from "node:path";
import type { SerialDisclosure } from "@darkbloom/coordinator";
import { COORDINATOR_FOLDER } from "./admin.ts";
import { Child, ChildEndedEarly, textIn, type ChildEvent } from "./child.ts";
import { reachableUrl } from "./listening.ts";
import { providerFolder } from "./machine-folder.ts";
import { note } from "./output.ts";
import { scrubbedEnvironment } from "@darkbloom/provider";
import { environmentNameOf, flagOf, isSettingName, type SettingName } from "./settings.ts";

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
  /** Of each provider. */
  readonly threads: number;
  readonly logLevel: string;
  readonly serialDisclosure: SerialDisclosure;
  /** What providers on other machines show; our own read the coordinator's local secret in its folder. */
  readonly joinToken: string | undefined;
}

/** The processes of `darkbloom up`. Disposing stops the coordinator first, since its requests need the providers. */
export interface Network extends AsyncDisposable {
  /** Where this machine reaches the coordinator, e.g. `http://127.0.0.1:8080`. */
  readonly baseUrl: string;
  /** The serial of the first provider that may serve. Rejects with `ChildEndedEarly` when none is left that could. */
  readonly serving: Promise<string>;
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
  const coordinator = new Child({
    name: "coordinator",
    args: () => coordinatorArgs(plan, port),
    environment: joinTokenFor(plan.joinToken),
    onEvent: () => undefined,
  });
  opening.use(coordinator);
  const baseUrl = reachableUrl(textIn(await coordinator.ready, "base_url"));
  if (port === 0) port = Number(new URL(baseUrl).port);

  const providers = Array.from({ length: plan.providers }, (_, index) => {
    const name = providerFolder(index + 1);
    const provider = new Child({
      name,
      args: () => providerArgs(plan, baseUrl, name),
      inherited: scrubbedEnvironment(process.env),
      onEvent: (event) => {
        const news = newsOf(event);
        // While everything stops, that a provider lost its coordinator is no news.
        if (news !== undefined && !isStopping) note(`${name}: ${news}`);
      },
    });
    provider.ready.catch(() => note(`${name} could not start, and is left out.`));
    return provider;
  });
  const parts = opening.move();
  return {
    baseUrl,
    serving: Promise.any(providers.map(({ ready }) => ready)).then(
      (ready) => textIn(ready, "serial"),
      () => Promise.reject(new ChildEndedEarly()),
    ),
    async [Symbol.asyncDispose]() {
      isStopping = true;
      await parts.disposeAsync();
      await Promise.all(providers.map((provider) => provider[Symbol.asyncDispose]()));
    },
  };
}

const coordinatorArgs = ({ data, host, logLevel, serialDisclosure }: NetworkPlan, port: number): readonly string[] => [
  "coordinator",
  ...flags({ host, port, data: join(data, COORDINATOR_FOLDER), logLevel, serialDisclosure }),
];

const providerArgs = (plan: NetworkPlan, coordinator: string, name: string): readonly string[] => {
  const { modelPath: model, build, slots, threads, logLevel } = plan;
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
      threads,
      logLevel,
      identity: "software",
    }),
  ];
};

/** Said on the command line, so that nothing of it comes from the environment that the children share with us. */
const flags = (values: { readonly [Name in SettingName]?: string | number }): readonly string[] => [
  ...Object.entries(values).flatMap(([setting, value]) =>
    isSettingName(setting) ? [flagOf(setting), String(value)] : [],
  ),
  flagOf("json"),
];

/** Not on the command line, which every user of the machine can read. */
const joinTokenFor = (token: string | undefined): Readonly<Record<string, string>> =>
  token === undefined ? {} : { [environmentNameOf("joinToken")]: token };

function newsOf(event: ChildEvent): string | undefined {
  switch (event.event) {
    case "lost":
      return "the connection to the coordinator is lost; it reconnects.";
    case "not_eligible":
      return `it does not serve. ${textIn(event, "reason")}`;
    case "eligible":
      return "it serves again.";
    default:
      return undefined;
  }
}
