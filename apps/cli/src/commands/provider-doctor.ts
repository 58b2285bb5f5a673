import type { Check } from "@darkbloom/protocol/evidence";
import { SLOTS_DEFAULT, THREADS_DEFAULT } from "@darkbloom/provider/engine/llama/model-file";
import { TPM_DEVICE } from "@darkbloom/provider/identity/tpm/transport";
import { command } from "../command.ts";
import {
  checkClock,
  checkIdentity,
  checkKeyFile,
  checkModelFile,
  checkModelLoads,
  checkNode,
  checkPosture,
  checkRunning,
  isInTheWay,
} from "../doctor.ts";
import { goToCoordinator, notTried, type Way } from "../doctor-way.ts";
import { joinSecret, machineTokenFor, runningStatus, statusIn } from "../machine-folder.ts";
import { locateModel } from "../model.ts";
import { columns, outputOf, wordsOf } from "../output.ts";
import { version } from "../version.ts";

export const providerDoctor = command({
  path: "provider doctor",
  does: "Check what a provider needs, one line for each check, with what mends it: it loads the model, and goes the whole way to the coordinator until that takes it in (as a machine that offers nothing). Exit code 1 if a check fails that stands in the way of serving.",
  examples: [
    "provider doctor --data .darkbloom/provider",
    "provider doctor --coordinator https://coordinator.example.com --model ./Qwen3-8B-Q8_0.gguf --json",
  ],
  needs: {
    coordinator: "optional",
    data: { default: ".darkbloom/provider" },
    model: { default: "darkbloom-tiny" },
    slots: { default: String(SLOTS_DEFAULT) },
    context: "optional",
    threads: "optional",
    identity: { default: "auto" },
    tpm: { default: TPM_DEVICE },
    token: "optional",
    coordinatorData: "optional",
    json: { default: "false" },
  },
  async run({ coordinator, data, model, slots, context, threads, identity, tpm, token, coordinatorData, json }) {
    const running = await runningStatus(data);
    const named = coordinator ?? URL.parse(statusIn(data)?.coordinator ?? "") ?? undefined;
    const secret = joinSecret({ token, coordinatorData, data });
    const way: Way = named
      ? await goToCoordinator(named, {
          authToken: secret,
          version,
          hasMachineToken: machineTokenFor(data, named) !== undefined,
          isConnected: running?.connected === true && running.coordinator === named.href,
        })
      : { checks: notTried("no coordinator is named", "Give its URL with --coordinator.") };
    const file = await checkModelFile(model);
    const checks: readonly Check[] = [
      checkNode(process.versions.node, Date.now()),
      file,
      ...(file.status === "fail" ? [] : [await loads()]),
      checkKeyFile(data),
      await checkIdentity(data, identity, tpm),
      ...way.checks,
      checkClock(way.secondsAhead),
      ...(await checkRunning(data, running)),
      ...(await checkPosture(running)),
    ];
    const output = outputOf(json);
    if (json) for (const check of checks) output.result({ ...check }, () => "");
    else output.result({}, () => columns(checks.map((check) => [check.status, check.id, wordsOf(check)])));
    return checks.some(isInTheWay) ? 1 : 0;

    function loads(): Promise<Check> {
      const { path: modelPath, build } = locateModel(model);
      const wanted = { modelPath, build, slots, contextTokens: context, threads: threads ?? THREADS_DEFAULT };
      return checkModelLoads(wanted, running);
    }
  },
});
