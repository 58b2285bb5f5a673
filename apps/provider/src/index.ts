export { AppleMdaError, keepMdaChain, mdaNonce } from "./identity/apple-mda.ts";
export { CodeHashError, codeSha256 } from "./posture/code-hash.ts";
export {
  bundledModelPath,
  CONTEXT_TOKENS_DEFAULT,
  readModelFacts,
  SLOTS_DEFAULT,
  THREADS_DEFAULT,
} from "./engine/llama/model-file.ts";
export { inspectModel, type Inspected } from "./engine/llama/inspect-model.ts";
export { MANIFEST_ENDING, ModelFileError, readWeights } from "./files/weights.ts";
export { scrubbedEnvironment } from "./posture/environment.ts";
export { limitCoreDumps, NotHardenedError } from "./posture/hardening.ts";
export {
  chipNames,
  chipOf,
  homeIn,
  identityChoices,
  identityFiles,
  openIdentity,
  type IdentityChoice,
  type IdentityHome,
} from "./identity/identity.ts";
export { IdentityKeyError } from "./identity/identity-file.ts";
export { platformHere, readMachine } from "./posture/machine.ts";
export type { PostureEntry } from "./posture/posture.ts";
export type { LogLevel } from "./files/provider-log.ts";
export { ScriptedEngine, type Script, type ScriptedOptions } from "./engine/scripted-engine.ts";
export { providerStatus, STATUS_FILE, STATUS_SILENT_MS, type ProviderStatus } from "./files/status-file.ts";
export { describeTpm } from "./identity/tpm/tpm-key.ts";
export { readTpmAddress, TPM_DEVICE, type TpmAddress } from "./identity/tpm/transport.ts";
export type { DialFault, EngineState, LossReason, TrustFacts } from "./events/events.ts";
export { EngineLoadError } from "./engine/child/engine-life.ts";
export type { LoadingStep } from "./engine/child/words.ts";
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
