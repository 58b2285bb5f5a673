import { backUpFolder } from "@darkbloom/coordinator/adapters/back-up";
import { coordinatorFolder, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { note, outputOf } from "../output.ts";

const MB = 1e6;
/** The exit codes that a shell gives a program which these signals ended. */
const codeOfSignal = { SIGINT: 130, SIGTERM: 143 } as const;

export const backup = command({
  path: "backup",
  does: "Copy a coordinator's data folder as it is at one moment, also while it runs, and check the copy. With --database the books are elsewhere: this copies the keys.",
  examples: ["backup --data /var/lib/darkbloom --into /backups/darkbloom-2030-01-31", "backup --into ./copy --json"],
  needs: { data: { default: adminNeeds.data.default }, into: "required", json: { default: "false" } },
  async run({ data, into, json }) {
    let last = 0;
    const { folder, bytes, found } = await backUpFolder({
      from: coordinatorFolder(data).path,
      to: into,
      tell: (copied, of) => {
        if (performance.now() - last < 2_000) return;
        last = performance.now();
        note(`Copied ${(copied / MB).toFixed(0)} of ${(of / MB).toFixed(0)} MB …`);
      },
      begun: (draft) => {
        for (const [signal, code] of Object.entries(codeOfSignal))
          process.once(signal, () => {
            draft[Symbol.dispose]();
            note("Stopped: nothing was kept.");
            process.exit(code);
          });
      },
    });
    const isWhole = found === undefined || (!found.isDamaged && found.faults.length === 0);
    const database = found === undefined ? "elsewhere" : isWhole ? "sound" : found.isDamaged ? "damaged" : "unbalanced";
    outputOf(json).result(
      { folder, bytes, database },
      () => `${folder}: ${(bytes / MB).toFixed(1)} MB. ${words[database]}`,
    );
    return isWhole ? 0 : 1;
  },
});

const words = {
  sound: "The database was read through, and its books add up. It holds keys: keep it where nobody else can read it.",
  elsewhere:
    "These are the keys. The database is in PostgreSQL, and not in here: back it up with 'pg_dump --format=custom', and keep both together.",
  damaged: "The database in it is damaged, as the one that it was copied from: restore an older backup.",
  unbalanced: "The books in it do not add up; 'darkbloom ledger check' says whose.",
};
