import type { Command } from "../command.ts";
import type { Group } from "../program.ts";
import { coordinator } from "./coordinator.ts";
import { credit } from "./credit.ts";
import { keysCreate } from "./keys-create.ts";
import { keysList } from "./keys-list.ts";
import { keysRevoke } from "./keys-revoke.ts";
import { ledgerCheck } from "./ledger-check.ts";
import { machinesApprove, machinesRefuse } from "./machines-decide.ts";
import { machinesForgive } from "./machines-forgive.ts";
import { machinesList } from "./machines-list.ts";
import { modelsInspect } from "./models-inspect.ts";
import { providerBenchmark } from "./provider-benchmark.ts";
import { providerDoctor } from "./provider-doctor.ts";
import { providerAttest } from "./provider-attest.ts";
import { providerLogin } from "./provider-login.ts";
import { providerModels } from "./provider-models.ts";
import { providerStart } from "./provider-start.ts";
import { providerStatus } from "./provider-status.ts";
import { providerStop } from "./provider-stop.ts";
import { up } from "./up.ts";
import { verifyReceiptCommand, verifyResponse } from "./verify-answer.ts";
import { verifyLog } from "./verify-log.ts";
import { verifyProviders } from "./verify-providers.ts";

export const groups: readonly Group[] = [
  {
    name: "provider",
    does: "Serve a network with this machine.",
    example: "provider status --data .darkbloom/provider-1",
  },
  {
    name: "models",
    does: "Look into model files.",
    example: "models inspect ./Qwen3-8B-Q8_0.gguf",
  },
  { name: "keys", does: "Make, list and revoke API keys.", example: "keys create --credit 5.00" },
  {
    name: "machines",
    does: "See which machines are here, and decide which may serve.",
    example: "machines list --data .darkbloom",
  },
  { name: "ledger", does: "Look after the books.", example: "ledger check" },
  {
    name: "verify",
    does: "Check from outside what a network shows.",
    example: "verify providers --coordinator http://127.0.0.1:8080",
  },
];

/** In the order of the help. */
export const commands: readonly Command[] = [
  up,
  coordinator,
  providerStart,
  providerStatus,
  providerDoctor,
  providerModels,
  providerBenchmark,
  providerLogin,
  providerAttest,
  providerStop,
  modelsInspect,
  keysCreate,
  keysList,
  keysRevoke,
  machinesList,
  machinesApprove,
  machinesRefuse,
  machinesForgive,
  credit,
  ledgerCheck,
  verifyProviders,
  verifyResponse,
  verifyReceiptCommand,
  verifyLog,
];
