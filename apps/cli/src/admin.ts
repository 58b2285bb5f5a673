import { statSync } from "node:fs";
import { join } from "node:path";
import { COUNTERSIGNER_FILE } from "@darkbloom/coordinator/adapters/countersigner";
import { openStore } from "@darkbloom/coordinator/adapters/open-store";
import { withAdmin } from "@darkbloom/coordinator/admin/client";
import type { Admin } from "@darkbloom/coordinator/admin/operations";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { CommandFailed } from "./failure.ts";

/** Where `up` keeps its coordinator's data, inside its own folder. */
export const COORDINATOR_FOLDER = "coordinator";

/** What an admin command works on. */
interface Administered {
  /** The coordinator's data folder, or the folder of `up`. */
  readonly data: string;
  /** The URL of its PostgreSQL database, which only matters while no coordinator runs. */
  readonly database: string | undefined;
}

/** Works on the accounts of a coordinator's data folder, or of the one inside a folder of `up`. */
export function administer<Result>(
  { data, database }: Administered,
  work: (admin: Admin) => Promise<Result>,
): Promise<Result> {
  const direct = {
    openStore: (path: string) => openStore(path, { clock: systemClock, database, onSweepError: () => undefined }),
    clock: systemClock,
    random: systemRandom,
    crypto: nodeCrypto,
  };
  return withAdmin(coordinatorFolderOf(data), direct, work);
}

/** As `administer`, for commands that make no sense on a folder that nobody has used yet. */
export async function administerExisting<Result>(
  at: Administered,
  work: (admin: Admin) => Promise<Result>,
): Promise<Result> {
  if (!isFolder(at.data))
    throw new CommandFailed(
      `There is no folder ${at.data}. Give the coordinator's data folder, or that of 'darkbloom up', with --data.`,
    );
  return await administer(at, work);
}

/** The coordinator's data folder that `--data` leads to, and whether a coordinator, or this command, has used it before. */
export function coordinatorFolder(data: string): { readonly path: string; readonly isUsed: boolean } {
  const path = coordinatorFolderOf(data);
  return { path, isUsed: statSync(join(path, COUNTERSIGNER_FILE), { throwIfNoEntry: false }) !== undefined };
}

function coordinatorFolderOf(data: string): string {
  const inside = join(data, COORDINATOR_FOLDER);
  return isFolder(inside) ? inside : data;
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
