import type { Check } from "@darkbloom/protocol";
import { command } from "../command.ts";
import {
  checkClock,
  checkCoordinator,
  checkKeyFile,
  checkModelFile,
  checkNode,
  checkPosture,
  checkRunning,
} from "../doctor.ts";
import { statusIn } from "../machine-folder.ts";
import { columns, outputOf } from "../output.ts";

export const providerDoctor = command({
  path: "provider doctor",
  does: "Check what a provider needs, one line for each check, with what mends it. Exit code 1 if any fails.",
  examples: [
    "provider doctor --data .darkbloom/provider",
    "provider doctor --coordinator https://coordinator.example.com --json",
  ],
  needs: {
    coordinator: "optional",
    data: { default: ".darkbloom/provider" },
    model: { default: "darkbloom-tiny" },
    json: { default: "false" },
  },
  async run({ coordinator, data, model, json }) {
    const url = coordinator?.href ?? statusIn(data)?.coordinator;
    const health = await checkCoordinator(url);
    const checks: readonly Check[] = [
      checkNode(),
      await checkModelFile(model),
      checkKeyFile(data),
      health.check,
      checkClock(health.secondsAhead),
      ...(await checkRunning(data)),
      ...(await checkPosture(data)),
    ];
    const output = outputOf(json);
    if (json) for (const check of checks) output.result({ ...check }, () => "");
    else
      output.result({}, () =>
        columns(
          checks.map(({ status, id, seen, remedy }) => [status, id, remedy === "" ? seen : `${seen}. ${remedy}`]),
        ),
      );
    return checks.some(({ status }) => status === "fail") ? 1 : 0;
  },
});
