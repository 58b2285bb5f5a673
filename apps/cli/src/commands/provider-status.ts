import { command } from "../command.ts";
import { runningElsewhere, runningStatus, silenceOf, statusIn, whyNotEarning } from "../machine-folder.ts";
import { columns, outputOf, wordsOf } from "../output.ts";

export const providerStatus = command({
  path: "provider status",
  does: "Say whether this machine may earn and, if not, the one reason why. Exit code 1 if not.",
  examples: ["provider status --data .darkbloom/provider-1", "provider status --json"],
  needs: { data: { default: ".darkbloom/provider" }, json: { default: "false" } },
  async run({ data, json }) {
    const output = outputOf(json);
    const status = await runningStatus(data);
    if (!status) {
      const way = (await runningElsewhere(data)) ?? "'darkbloom provider start' starts one.";
      // What a crash left behind tells at least when.
      const lastSeen = statusIn(data)?.at ?? null;
      const seen = lastSeen === null ? "" : ` The last one was seen ${lastSeen}.`;
      const reason = `No provider runs on ${data}.${seen} ${way}`;
      output.result({ running: false, eligible: false, last_seen: lastSeen, reason }, () => reason);
      return 1;
    }
    const now = Date.now();
    const silence = silenceOf(status, now);
    if (silence !== undefined) {
      const reason = `The provider on ${data} does not run as it should. ${silence}`;
      const { pid, at } = status;
      output.result({ running: false, eligible: false, last_seen: at, pid, reason }, () => reason);
      return 1;
    }
    const reason = whyNotEarning(status, now);
    output.result({ running: true, ...status, last_seen: status.at, reason: reason ?? null }, () =>
      [
        reason === undefined ? "This machine may earn." : `This machine does not earn. ${reason}`,
        "",
        columns([
          ["Serial", status.serial],
          ["Identity", status.identity_sha256],
          ...(status.serial_alias === null ? [] : [["In evidence", status.serial_alias]]),
          ["Coordinator", status.coordinator],
          ["Owner", status.owner ?? "nobody that the coordinator has told of"],
          ["Trust level", status.trust_level],
          ["Answered", String(status.answered)],
          [
            "Failed",
            status.last_failure === null ? String(status.failed) : `${status.failed} (last: ${status.last_failure})`,
          ],
          ...status.checks.map((check) => [check.status, `${check.id}: ${wordsOf(check)}`]),
          ...status.posture.map((entry) => [entry.status, `here.${entry.name}: ${wordsOf(entry)}`]),
        ]),
      ].join("\n"),
    );
    return status.eligible ? 0 : 1;
  },
});
