import { setTimeout as sleep } from "node:timers/promises";
import { command } from "../command.ts";
import { CommandFailed, codeOf } from "../failure.ts";
import { isHeld, runningElsewhere, runningStatus } from "../machine-folder.ts";
import { note, outputOf } from "../output.ts";
import { DRAIN_SEC_DEFAULT } from "../stop.ts";

const LOOK_EVERY_MS = 100;
/** After its drain, to close. */
const CLOSING_MS = 5_000;

export const providerStop = command({
  path: "provider stop",
  does: "Ask the provider that runs on a data folder to finish what it does and end.",
  examples: ["provider stop --data .darkbloom/provider"],
  needs: {
    data: { default: ".darkbloom/provider" },
    drainTimeout: { default: DRAIN_SEC_DEFAULT },
    json: { default: "false" },
  },
  async run({ data, drainTimeout, json }) {
    // The folder's lock is held, so the file was written by whoever holds it and its process id is theirs.
    const status = await runningStatus(data);
    if (!status) {
      const elsewhere = await runningElsewhere(data);
      throw new CommandFailed(
        `No provider runs on ${data}, so there is none to stop.${elsewhere ? ` ${elsewhere}` : ""}`,
      );
    }
    terminate(status.pid);
    note("Stopping: requests that run have as long to finish as its --drain-timeout says.");
    const deadline = performance.now() + drainTimeout * 1000 + CLOSING_MS;
    while (await isHeld(data)) {
      if (performance.now() > deadline)
        throw new CommandFailed(
          `The provider (process ${status.pid}) has not ended yet. 'kill -9 ${status.pid}' ends it at once.`,
        );
      await sleep(LOOK_EVERY_MS);
    }
    outputOf(json).result({ stopped: true, pid: status.pid }, () => "The provider has stopped.");
    return 0;
  },
});

function terminate(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch (error) {
    // It may have ended by itself in this moment; the lock will tell.
    if (codeOf(error) !== "ESRCH")
      throw new CommandFailed(`The provider (process ${pid}) belongs to another user; stop it as that user.`);
  }
}
