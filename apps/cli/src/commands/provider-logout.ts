import { rmSync } from "node:fs";
import { join } from "node:path";
import { command } from "../command.ts";
import { CommandFailed } from "../failure.ts";
import { revokeMachineToken } from "../login/machine.ts";
import { keptMachineToken, MACHINE_TOKEN_FILE } from "../machine-folder.ts";
import { outputOf } from "../output.ts";

export const providerLogout = command({
  path: "provider logout",
  does: "Give this machine's token back: it is nobody's from now on, and its connection ends.",
  examples: ["provider logout --data /var/lib/darkbloom"],
  needs: { data: { default: ".darkbloom/provider" }, json: { default: "false" } },
  async run({ data, json }) {
    const output = outputOf(json);
    const kept = keptMachineToken(data);
    if (!kept) {
      output.result({ unlinked: false }, () => `Nobody has let in the machine of ${data}.`);
      return 0;
    }
    const { coordinator, token } = kept;
    const file = join(data, MACHINE_TOKEN_FILE);
    try {
      await revokeMachineToken(coordinator, token);
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      throw new CommandFailed(`${error.message} The token may go on, so ${file} stays.`, { cause: error });
    }
    rmSync(file, { force: true });
    output.result(
      { unlinked: true, coordinator: coordinator.href },
      () => `The token was given back at ${coordinator.href}: this machine is nobody's there.`,
    );
    return 0;
  },
});
