export { AppleMdaError, keepMdaChain, mdaNonce } from "./adapters/apple-mda.ts";
export { CodeHashError, codeSha256 } from "./adapters/code-hash.ts";
export {
  bundledModelPath,
  CONTEXT_TOKENS_DEFAULT,
  readModelFacts,
  SLOTS_DEFAULT,
  THREADS_DEFAULT,
} from "./adapters/model-file.ts";
export { inspectModel, type Inspected } from "./adapters/inspect-model.ts";
export { MANIFEST_ENDING, ModelFileError, readWeights } from "./adapters/weights.ts";
export { scrubbedEnvironment } from "./adapters/environment.ts";
export { limitCoreDumps, NotHardenedError } from "./adapters/hardening.ts";
export {
  chipNames,
  chipOf,
  homeIn,
  identityChoices,
  identityFiles,
  openIdentity,
  type IdentityChoice,
  type IdentityHome,
} from "./adapters/identity.ts";
export { IdentityKeyError } from "./adapters/identity-file.ts";
export { platformHere, readMachine } from "./adapters/machine.ts";
export type { PostureEntry } from "./adapters/posture.ts";
export type { LogLevel } from "./adapters/provider-log.ts";
export { ScriptedEngine, type Script, type ScriptedOptions } from "./adapters/scripted-engine.ts";
export { providerStatus, STATUS_FILE, STATUS_SILENT_MS, type ProviderStatus } from "./adapters/status-file.ts";
export { describeTpm } from "./adapters/tpm/tpm-key.ts";
export { readTpmAddress, TPM_DEVICE, type TpmAddress } from "./adapters/tpm/transport.ts";
export type { DialFault, EngineState, LossReason, TrustFacts } from "./events/events.ts";
export { EngineLoadError } from "./adapters/engine/engine-life.ts";
export type { LoadingStep } from "./adapters/engine/words.ts";
export type { Engine } from "./inference/engine.ts";
export type { Abilities } from "./language/abilities.ts";
export { callsText } from "./language/tool-syntax.ts";
export { replay, type Replayed } from "./inference/replay.ts";
export { tryJoin } from "./try-join.ts";
export { faultOfError } from "./ws/dial-faults.ts";
export {
  loadModel,
  startProvider,
  type ProviderConfig,
  type ProviderHooks,
  type RunningProvider,
} from "./start-provider.ts";
