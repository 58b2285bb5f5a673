import { startProvider } from "@darkbloom/provider/start-provider";
import { entry, scriptedEngine } from "../answers.ts";
import { answerParent, argument } from "./answer-parent.ts";

/** A provider as it is deployed, but for its model: the scripted engine costs next to nothing. */
const coordinatorPort = argument(0);
const dataPath = argument(1);

const ready = Promise.withResolvers<void>();
const provider = await startProvider({
  coordinatorUrl: `http://127.0.0.1:${coordinatorPort}`,
  dataPath,
  modelPath: "",
  build: entry.build,
  engine: scriptedEngine(),
  logLevel: "info",
  version: "bench",
  harden: true,
  hooks: { onReady: () => ready.resolve() },
});
await ready.promise;
answerParent({ port: 0, apiKey: "" }, () => provider.stop({ drainMs: 0 }));
