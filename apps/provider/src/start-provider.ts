import { toHex } from "@darkbloom/protocol/bytes";
import { endOfTurn, nodeCrypto, nodeHpke, openDataFolder, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { within } from "@darkbloom/protocol/time";
import { mdaEvidenceIn } from "./identity/apple-mda.ts";
import { attentionsIn, keepAttention, type AttentionFacts } from "./engine/llama/attention.ts";
import { codeSha256 } from "./posture/code-hash.ts";
import { EngineLoadError } from "./engine/child/engine-life.ts";
import { EngineProcess } from "./engine/child/engine-process.ts";
import { closeInspector, hardenProcess, notHardened } from "./posture/hardening.ts";
import type { IdentityChoice } from "./identity/choices.ts";
import { openIdentity, type Identity } from "./identity/identity.ts";
import { readMachine } from "./posture/machine.ts";
import { postureWords, withEngine, type PostureEntry } from "./posture/posture.ts";
import { createProviderLog, type LogLevel } from "./files/provider-log.ts";
import { StatusFile } from "./files/status-file.ts";
import { serialOf } from "./identity/serial.ts";
import { TPM_DEVICE, type TpmAddress } from "./identity/tpm/transport.ts";
import { openWitness } from "./identity/witness.ts";
import type { EngineState, LossReason, ProviderEvents, TrustFacts } from "./events/events.ts";
import type { LoadingStep } from "./engine/child/words.ts";
import type { Engine } from "./inference/engine.ts";
import { SealingKeys, type SelfDescription } from "./session/keys.ts";
import { Offers } from "./session/offers.ts";
import type { Session } from "./session/session.ts";
import { stayConnected } from "./session/stay-connected.ts";
import { webSocketDialer } from "./ws/dial.ts";

export interface ProviderConfig {
  readonly coordinatorUrl: string;
  readonly dataPath: string;
  /** A GGUF file, a first part or a manifest (`readWeights`). Not read where `engine` is given. */
  readonly modelPath: string;
  /** The catalog's name for these weights. */
  readonly build: string;
  /** Requests that run at once. */
  readonly slots?: number | undefined;
  /** For each request; at most what the model was trained for. */
  readonly contextTokens?: number | undefined;
  /** That the model may use. */
  readonly threads?: number | undefined;
  readonly logLevel: LogLevel;
  readonly version: string;
  /** The operator's, for a coordinator on another machine. */
  readonly authToken?: string | undefined;
  /** By which somebody has let this machine join as theirs, at this coordinator. */
  readonly machineToken?: string | undefined;
  /** Where the identity key lives; `software` if nothing is said. */
  readonly identity?: IdentityChoice | undefined;
  /** Where the TPM is, if not where Linux has it. */
  readonly tpm?: TpmAddress | undefined;
  readonly engine?: Engine;
  /** For debugging alone: whoever attaches reads prompts, and the posture says so. */
  readonly allowInspector?: boolean;
  /** For a process that does nothing but provide: it is changed until it ends (`hardenProcess`). */
  readonly harden?: boolean;
  readonly hooks?: ProviderHooks;
}

/** What the command line shows of a provider's life. */
export interface ProviderHooks {
  /** Where the identity key was found or made, and why there. */
  onIdentity?(facts: Pick<Identity, "home" | "reason">): void;
  /** When it may serve for the first time. */
  onReady?(facts: { providerId: string; serial: string; trustLevel: TrustFacts["trustLevel"] }): void;
  /** How far the model is, several times a second. */
  onLoading?(step: LoadingStep): void;
  /** The model's process ended, is back, or was given up. */
  onEngine?(state: EngineState): void;
  onTrust?(facts: TrustFacts): void;
  onLost?(facts: { reason: LossReason; retryInMs: number }): void;
}

export interface RunningProvider {
  readonly serial: string;
  /** How many requests it has at this moment. */
  readonly serving: number;
  /** Rejects with a sentence where the model was given up; it never resolves. The provider is still to be stopped. */
  readonly failed: Promise<never>;
  /** Finishes what runs for so long, says goodbye and closes. */
  stop(how: { readonly drainMs: number }): Promise<void>;
}

/**
 * Builds a provider whole, and starts it: the folder with its lock and key, the model, then the
 * connection. It stays until it is stopped, whatever happens to the coordinator.
 *
 * @throws with a sentence for the owner where the folder, the key, the model or our own code cannot be used
 */
export async function startProvider(config: ProviderConfig): Promise<RunningProvider> {
  if (config.allowInspector !== true) closeInspector();
  // Before anything is secret here.
  const hardening = config.harden === true ? hardenProcess() : notHardened;
  const machine = await readMachine();
  let enginePosture = (): readonly PostureEntry[] => [];
  const seen = (): readonly PostureEntry[] => [...machine.posture, ...withEngine(hardening.posture(), enginePosture())];
  const posture = () => postureWords(seen());
  const clock = systemClock;
  const dialer = webSocketDialer(config.coordinatorUrl);
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(await openDataFolder(config.dataPath, "provider"));
  const place = { address: config.tpm ?? { device: TPM_DEVICE }, clock };
  const { signer, home, reason, tpm } = opening.use(await openIdentity(folder, config.identity ?? "software", place));
  config.hooks?.onIdentity?.({ home, reason });
  const mda = mdaEvidenceIn(folder);
  const serial = serialOf(mda !== undefined, machine.serial, signer.publicKey);
  const engine = opening.use(config.engine ?? (await loadModel({ ...config, attentions: attentionsIn(folder) })));
  if (engine instanceof EngineProcess) {
    enginePosture = () => engine.posture;
    if (engine.facts.attention) keepAttention(folder, engine.facts.attention);
  }
  const tools = { clock, crypto: nodeCrypto, hpke: nodeHpke, random: systemRandom, signer };

  const description: SelfDescription = {
    ...machine.described,
    serial,
    engine: { name: engine.name, version: engine.version },
    software: { name: "darkbloom", version: config.version, code_sha256: await codeSha256() },
    posture: posture(),
  };
  const keys = opening.use(new SealingKeys(tools, () => ({ ...description, posture: posture() })));
  const offers = new Offers(tools, () => ({ slots: engine.slots, models: [offerOf(engine.model)] }));
  const status = opening.use(
    new StatusFile(
      folder,
      clock,
      { serial, identity_sha256: toHex(nodeCrypto.sha256(signer.publicKey)), coordinator: config.coordinatorUrl },
      seen,
    ),
  );

  const { hooks = {} } = config;
  const log = createProviderLog(config.logLevel);
  const events: ProviderEvents = {
    ...log,
    joined: (facts) => {
      log.joined(facts);
      status.joined(facts);
    },
    lost: (facts) => {
      log.lost(facts);
      status.lost(facts);
      hooks.onLost?.(facts);
    },
    answered: (facts) => {
      log.answered(facts);
      status.answered(facts);
    },
  };
  let ready = false;
  const onTrust = (facts: TrustFacts, providerId: string) => {
    status.trusted(facts);
    hooks.onTrust?.(facts);
    if (ready || !facts.eligible) return;
    ready = true;
    hooks.onReady?.({ providerId, serial, trustLevel: facts.trustLevel });
  };

  const leave = new AbortController();
  let session: Session | undefined;
  const net = {
    ...tools,
    engine,
    keys,
    offers,
    events,
    authToken: config.authToken,
    machineToken: config.machineToken,
    posture,
    witness: await openWitness(tpm, mda, events),
    onTrust,
    defer: endOfTurn(),
  };
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const watching = engine.lifecycle?.watch((state) => {
    log.engine(state);
    status.engine(state);
    hooks.onEngine?.(state);
    if (state.state === "failed") failed.reject(new EngineLoadError(state.why));
  });
  if (watching) opening.use(watching);
  const stay = stayConnected(net, dialer, config.coordinatorUrl, leave.signal, (next) => void (session = next));
  opening.defer(async () => {
    leave.abort(new Error("stopping"));
    await stay;
  });

  const parts = opening.move();
  return {
    serial,
    get serving() {
      return session?.running ?? 0;
    },
    failed: failed.promise,
    async stop({ drainMs }) {
      if (session && drainMs > 0) await within(clock, drainMs, session.drain());
      await parts.disposeAsync();
    },
  };
}

const offerOf = ({ build, weightsSha256, contextTokens, tokenBytesMax, tasks }: Engine["model"]) => ({
  build,
  weights_sha256: weightsSha256,
  context_tokens: contextTokens,
  token_bytes_max: tokenBytesMax,
  tasks: [...tasks],
});

/** The model, in a process of its own. */
export async function loadModel(
  config: Pick<ProviderConfig, "modelPath" | "build" | "slots" | "threads" | "contextTokens"> & {
    /** What was measured before, where attention is measured at all. */
    readonly attentions?: readonly AttentionFacts[];
    readonly hooks?: Pick<ProviderHooks, "onLoading">;
  },
): Promise<EngineProcess> {
  const { modelPath, build, slots, threads, contextTokens, attentions, hooks } = config;
  return EngineProcess.start({
    load: { modelPath, build, slots, threads, contextTokens, attentions },
    onLoading: (step) => hooks?.onLoading?.(step),
  });
}
