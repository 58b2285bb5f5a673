import type { Check } from "@darkbloom/protocol";
import { TPM_DEVICE } from "@darkbloom/provider";
import { command } from "../command.ts";
import {
  checkClock,
  checkCoordinator,
  checkIdentity,
  checkKeyFile,
  checkModelFile,
  checkNode,
  checkPosture,
  checkRunning,
  isInTheWay,
} from "../doctor.ts";
import { statusIn } from "../machine-folder.ts";
import { columns, outputOf, wordsOf } from "../output.ts";

export const providerDoctor = command({
  path: "provider doctor",
  does: "Check what a provider needs, one line for each check, with what mends it. Exit code 1 if one fails that stands in the way of serving.",
  examples: [
    "provider doctor --data .darkbloom/provider",
    "provider doctor --coordinator https://coordinator.example.com --json",
  ],
  needs: {
    coordinator: "optional",
    data: { default: ".darkbloom/provider" },
    model: { default: "darkbloom-tiny" },
    identity: { default: "auto" },
    tpm: { default: TPM_DEVICE },
    json: { default: "false" },
  },
  async run({ coordinator, data, model, identity, tpm, json }) {
    const url = coordinator?.href ?? statusIn(data)?.coordinator;
    const health = await checkCoordinator(url);
    const checks: readonly Check[] = [
      checkNode(),
      await checkModelFile(model),
      checkKeyFile(data),
      await checkIdentity(data, identity, tpm),
      health.check,
      checkClock(health.secondsAhead),
      ...(await checkRunning(data)),
      ...(await checkPosture(data)),
    ];
    const output = outputOf(json);
    if (json) for (const check of checks) output.result({ ...check }, () => "");
    else output.result({}, () => columns(checks.map((check) => [check.status, check.id, wordsOf(check)])));
    return checks.some(isInTheWay) ? 1 : 0;
  },
});
