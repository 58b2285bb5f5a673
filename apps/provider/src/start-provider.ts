import { softwareSerial, toHex } from "@darkbloom/protocol";
import { nodeCrypto, nodeHpke, openDataFolder, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { mdaEvidenceIn } from "./adapters/apple-mda.ts";
import { codeSha256 } from "./adapters/code-hash.ts";
import { closeInspector, hardenProcess, notHardened } from "./adapters/hardening.ts";
import { openIdentity, type Identity, type IdentityChoice } from "./adapters/identity.ts";
import { readMachine } from "./adapters/machine.ts";
import { postureWords, type PostureEntry } from "./adapters/posture.ts";
import { createProviderLog, type LogLevel } from "./adapters/provider-log.ts";
import { StatusFile } from "./adapters/status-file.ts";
import { TPM_DEVICE, type TpmAddress } from "./adapters/tpm/transport.ts";
import { openWitness } from "./adapters/witness.ts";
import type { LossReason, ProviderEvents, TrustFacts } from "./events/events.ts";
import type { Engine } from "./inference/engine.ts";
import { SealingKeys, type SelfDescription } from "./session/keys.ts";
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
  onTrust?(facts: TrustFacts): void;
  onLost?(facts: { reason: LossReason; retryInMs: number }): void;
}

export interface RunningProvider {
  readonly serial: string;
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
  const seen = (): readonly PostureEntry[] => [...machine.posture, ...hardening.posture()];
  const posture = () => postureWords(seen());
  const clock = systemClock;
  const dialer = webSocketDialer(config.coordinatorUrl);
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(await openDataFolder(config.dataPath, "provider"));
  const place = { address: config.tpm ?? { device: TPM_DEVICE }, clock };
  const { signer, home, reason, tpm } = opening.use(await openIdentity(folder, config.identity ?? "software", place));
  config.hooks?.onIdentity?.({ home, reason });
  const mda = mdaEvidenceIn(folder);
  // A serial that Apple vouches for; without that it would be anybody's word, and the key's own name is more.
  const serial = (mda && machine.serial) ?? softwareSerial(nodeCrypto, signer.publicKey);
  const engine = opening.use(config.engine ?? (await loadModel(config)));
  const tools = { clock, crypto: nodeCrypto, hpke: nodeHpke, random: systemRandom, signer };

  const description: SelfDescription = {
    ...machine.described,
    serial,
    engine: { name: engine.name, version: engine.version },
    software: { name: "darkbloom", version: config.version, code_sha256: await codeSha256() },
    models: [
      {
        build: engine.model.build,
        weights_sha256: engine.model.weightsSha256,
        context_tokens: engine.model.contextTokens,
        token_bytes_max: engine.model.tokenBytesMax,
      },
    ],
    posture: posture(),
  };
  const keys = opening.use(new SealingKeys(tools, () => ({ ...description, posture: posture() })));
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
    events,
    slots: engine.slots,
    authToken: config.authToken,
    posture,
    witness: await openWitness(tpm, mda, events),
    onTrust,
  };
  const stay = stayConnected(net, dialer, config.coordinatorUrl, leave.signal, (next) => void (session = next));
  opening.defer(async () => {
    leave.abort(new Error("stopping"));
    await stay;
  });

  const parts = opening.move();
  return {
    serial,
    async stop({ drainMs }) {
      const timer = new AbortController();
      if (session && drainMs > 0)
        await Promise.race([session.drain(), clock.sleep(drainMs, timer.signal).catch(() => {})]);
      timer.abort();
      await parts.disposeAsync();
    },
  };
}

/** llama.cpp is loaded when it is needed: it takes half a second, which a command without a model need not wait. */
export async function loadModel(
  config: Pick<ProviderConfig, "modelPath" | "build" | "slots" | "threads" | "contextTokens">,
): Promise<Engine> {
  const { LlamaEngine } = await import("./adapters/llama-engine.ts");
  return LlamaEngine.load(config);
}
