import type { LoadingStep } from "@darkbloom/provider/engine/child/words";
import { SLOTS_DEFAULT, THREADS_DEFAULT } from "@darkbloom/provider/engine/llama/model-file";
import type { EngineState, TrustFacts } from "@darkbloom/provider/events/events";
import type { IdentityHome } from "@darkbloom/provider/identity/identity";
import { TPM_DEVICE } from "@darkbloom/provider/identity/tpm/transport";
import { startProvider } from "@darkbloom/provider/start-provider";
import { startClean } from "../clean-start.ts";
import { command } from "../command.ts";
import { isLoopback } from "../listening.ts";
import { lossOf } from "../losses.ts";
import { failureIn, joinSecret, machineTokenFor } from "../machine-folder.ts";
import { locateModel } from "../model.ts";
import { note, outputOf, type Output } from "../output.ts";
import { DRAIN_SEC_DEFAULT, isSupervised, listenForStop } from "../stop.ts";
import { version } from "../version.ts";

export const providerStart = command({
  path: "provider start",
  does: "Join a network and serve, in the foreground, until it is stopped. It opens no port.",
  examples: [
    "provider start --coordinator http://127.0.0.1:8080",
    "provider start --coordinator https://coordinator.example.com --data /var/lib/darkbloom --model model.gguf",
    "provider start --coordinator https://coordinator.example.com --identity tpm",
    "provider start --coordinator https://coordinator.example.com --model ./Qwen3-8B-Q8_0.gguf --build qwen3-8b-q8",
  ],
  needs: {
    coordinator: "required",
    data: { default: ".darkbloom/provider" },
    model: { default: "darkbloom-tiny" },
    build: "optional",
    slots: { default: String(SLOTS_DEFAULT) },
    context: "optional",
    threads: "optional",
    identity: { default: "auto" },
    tpm: { default: TPM_DEVICE },
    token: "optional",
    coordinatorData: "optional",
    drainTimeout: { default: DRAIN_SEC_DEFAULT },
    logLevel: { default: "warn" },
    json: { default: "false" },
  },
  async run({
    coordinator,
    data,
    model,
    build,
    slots,
    context,
    threads,
    identity,
    tpm,
    token,
    coordinatorData,
    drainTimeout,
    logLevel,
    json,
  }) {
    startClean();
    let countRunning = () => 0;
    // Under `up` the coordinator says it, of all machines.
    const stop = listenForStop(drainTimeout, isSupervised ? undefined : () => countRunning());
    const located = locateModel(model);
    const authToken = joinSecret({ token, coordinatorData, data });
    const machineToken = machineTokenFor(data, coordinator);
    if (authToken !== undefined && coordinator.protocol === "http:" && !isLoopback(coordinator.hostname))
      note("Warning: the join token goes to the coordinator in the clear. Use an https:// address.");
    const story = storyOf(outputOf(json));
    const starting = startProvider({
      coordinatorUrl: coordinator.href,
      dataPath: data,
      modelPath: located.path,
      build: build ?? located.build,
      slots,
      contextTokens: context,
      threads: threads ?? THREADS_DEFAULT,
      logLevel,
      version,
      authToken,
      machineToken,
      identity,
      tpm,
      hooks: story,
      harden: true,
    });
    // A large model loads for a while, and nothing has to be finished before it has.
    const running = await Promise.race([starting, stop.asked.then(() => undefined)]);
    if (!running) return 0;
    countRunning = () => running.serving;
    try {
      await running.stop(await Promise.race([stop.asked, running.failed]));
      return 0;
    } catch (error) {
      await running.stop({ drainMs: 0 });
      throw error;
    }
  },
});

/** Whoever waits longer than this is told for what, and how far it is. */
const LOADING_SILENT_MS = 2_000;
const LOADING_TOLD_EVERY_MS = 2_000;
const loadingWords = {
  hashing: "Reading the weights to name them by their hash:",
  loading: "Loading the model:",
  measuring: "Measuring how this machine runs it best:",
} as const;

const engineFacts = (state: EngineState) => ({
  state: state.state,
  ...("why" in state && { reason: state.why }),
  ...("retryInMs" in state && { retry_in_ms: state.retryInMs }),
});

function engineWords(state: EngineState): string {
  switch (state.state) {
    case "ready":
      return "The model is back.";
    case "restarting":
      return `${state.why} It is started again in ${state.retryInMs / 1000} s; until then this machine takes no requests.`;
    case "failed":
      return `${state.why} It is given up.`;
  }
}

/** What the owner is told while it runs: one line for each change, none for what stays as it was. */
export function storyOf(output: Output) {
  let told: string | undefined;
  /** Until it serves again: its first verdict after an outage is that it has not answered a challenge yet. */
  let lost: string | undefined;
  const startedMs = performance.now();
  let loadingToldMs = startedMs;
  return {
    onLoading({ step, done }: LoadingStep): void {
      const nowMs = performance.now();
      if (nowMs - startedMs < LOADING_SILENT_MS || nowMs - loadingToldMs < LOADING_TOLD_EVERY_MS) return;
      loadingToldMs = nowMs;
      const percent = Math.floor(100 * done);
      output.result({ event: "loading", step, percent }, () => `${loadingWords[step]} ${percent} %`);
    },
    onEngine(state: EngineState): void {
      output.result({ event: "engine", ...engineFacts(state) }, () => engineWords(state));
    },
    onIdentity({ home, reason }: { home: IdentityHome; reason: string }): void {
      output.result({ event: "identity", home, reason }, () => reason);
    },
    onReady(facts: { providerId: string; serial: string; trustLevel: TrustFacts["trustLevel"] }): void {
      output.result(
        { event: "ready", provider_id: facts.providerId, serial: facts.serial, trust_level: facts.trustLevel },
        () => `Ready: this machine, ${facts.serial}, serves at trust level ${facts.trustLevel}.`,
      );
    },
    onTrust({ trustLevel, eligible, checks }: TrustFacts): void {
      const reason = eligible ? undefined : failureIn([...checks]);
      const again = eligible && (lost !== undefined || told !== undefined);
      if (eligible) lost = undefined;
      if (again) output.result({ event: "eligible", trust_level: trustLevel }, () => "This machine may serve again.");
      if (reason !== undefined && reason !== told)
        output.result(
          { event: "not_eligible", trust_level: trustLevel, reason },
          () => `This machine does not serve. ${reason}`,
        );
      told = reason;
    },
    onLost({ reason, retryInMs }: { reason: string; retryInMs: number }): void {
      if (reason !== lost)
        output.result({ event: "lost", reason, retry_in_ms: retryInMs }, () => `${lossOf(reason)} It keeps trying.`);
      lost = reason;
    },
  };
}
