import { statSync } from "node:fs";
import { join } from "node:path";
import { DATABASE_FILE } from "@darkbloom/coordinator/adapters/database-file";
import { openStore } from "@darkbloom/coordinator/adapters/open-store";
import { withAdmin } from "@darkbloom/coordinator/admin/client";
import type { Admin } from "@darkbloom/coordinator/admin/operations";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { CommandFailed } from "./failure.ts";

/** Where `up` keeps its coordinator's data, inside its own folder. */
export const COORDINATOR_FOLDER = "coordinator";

/** Works on the accounts of a coordinator's data folder, or of the one inside a folder of `up`. */
export function administer<Result>(data: string, work: (admin: Admin) => Promise<Result>): Promise<Result> {
  const direct = {
    openStore: (path: string) => openStore(path, { clock: systemClock, onSweepError: () => undefined }),
    clock: systemClock,
    random: systemRandom,
    crypto: nodeCrypto,
  };
  return withAdmin(coordinatorFolderOf(data), direct, work);
}

/** As `administer`, for commands that make no sense on a folder that nobody has used yet. */
export async function administerExisting<Result>(
  data: string,
  work: (admin: Admin) => Promise<Result>,
): Promise<Result> {
  if (!isFolder(data))
    throw new CommandFailed(
      `There is no folder ${data}. Give the coordinator's data folder, or that of 'darkbloom up', with --data.`,
    );
  return await administer(data, work);
}

/** The coordinator's data folder that `--data` leads to, and whether a coordinator, or this command, has used it before. */
export function coordinatorFolder(data: string): { readonly path: string; readonly isUsed: boolean } {
  const path = coordinatorFolderOf(data);
  return { path, isUsed: statSync(join(path, DATABASE_FILE), { throwIfNoEntry: false }) !== undefined };
}

function coordinatorFolderOf(data: string): string {
  const inside = join(data, COORDINATOR_FOLDER);
  return isFolder(inside) ? inside : data;
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
