import type { Clock } from "@darkbloom/protocol/ports";
import type { MachineOwners } from "./accounts/machine-owners.ts";
import type { Notices } from "./events/notices.ts";
import type { Fleet } from "./machines/fleet.ts";
import type { MachineRecords } from "./machines/records/records.ts";
import type { Standings } from "./machines/records/standings.ts";
import type { Approvals, Decisions } from "./machines/trust/approvals.ts";

/** What others have written of machines is read this often, whether or not a notice of it came. */
export const OTHERS_READ_EVERY_MS = 10_000;

export interface Followed {
  readonly clock: Clock;
  readonly notices: Notices;
  readonly owners: MachineOwners;
  readonly decisions: Pick<Decisions, "list">;
  readonly approvals: Approvals;
  readonly standings: Pick<Standings, "list">;
  readonly records: MachineRecords;
  readonly fleet: Pick<Fleet, "decidedOn">;
}

/**
 * Of what each coordinator of one database has in memory of machines: whose they are, what operators decided and what is held
 * against them. Others are told of each machine that changes its owner; what no notice brought is read again.
 */
export function followOthers(followed: Followed, failed: (error: unknown) => void): AsyncDisposable {
  const { clock, notices, owners } = followed;
  owners.watch(({ machineId }, _change, isFar) => {
    if (!isFar) notices.tell({ kind: "machine", of: machineId }).catch(failed);
  });
  notices.listen("machine", () => owners.refresh());
  const stop = new AbortController();
  const rounds = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(OTHERS_READ_EVERY_MS, stop.signal);
      await readAgain(followed).catch(failed);
    }
  };
  // It ends with the scope, by the sleep that is aborted then.
  const done = rounds().catch(() => undefined);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
}

async function readAgain({ owners, decisions, approvals, standings, records, fleet }: Followed): Promise<void> {
  await owners.refresh();
  for (const decision of await decisions.list()) if (approvals.decided(decision)) fleet.decidedOn(decision.machineId);
  for (const grievance of await standings.list()) if (records.heard(grievance)) fleet.decidedOn(grievance.machineId);
}
