import { statSync } from "node:fs";
import { join } from "node:path";
import { COUNTERSIGNER_FILE } from "@darkbloom/coordinator/adapters/countersigner";
import { openStore } from "@darkbloom/coordinator/adapters/open-store";
import { withAdmin } from "@darkbloom/coordinator/admin/client";
import type { Admin } from "@darkbloom/coordinator/admin/operations";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { CommandFailed, WrongUsage } from "./failure.ts";
import type { KeyDesk } from "./login/own-keys.ts";

/** Where `up` keeps its coordinator's data, inside its own folder. */
export const COORDINATOR_FOLDER = "coordinator";

/** What every admin command takes. */
export const adminNeeds = {
  data: { default: ".darkbloom", unless: "coordinator" },
  database: "optional",
  coordinator: "optional",
  config: "optional",
  json: { default: "false" },
} as const;

/** What a command about keys takes as well. */
export const keyAdminNeeds = { ...adminNeeds, own: { default: "false" } } as const;

interface Folder {
  /** The coordinator's data folder, or the folder of `up`. */
  readonly data: string;
  /** The URL of its PostgreSQL database, which only matters while no coordinator runs. */
  readonly database: string | undefined;
}

/** What an admin command works on: a folder, or a coordinator over the network, by a session that is kept for it. */
interface Administered {
  readonly data?: string | undefined;
  readonly database?: string | undefined;
  readonly coordinator?: URL | undefined;
  readonly config?: string | undefined;
}

/** Works on the accounts of a coordinator's data folder, or of the one inside a folder of `up`. */
export function administerFolder<Result>(
  { data, database }: Folder,
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

/** Works on a coordinator over the network, or on a folder that somebody has used already. */
export async function administer<Result>(at: Administered, work: (admin: Admin) => Promise<Result>): Promise<Result> {
  const { coordinator, config } = at;
  if (!coordinator) return await administerFolder(existing(at), work);
  const { adminBySession } = await import("./login/administer.ts");
  return await work(adminBySession({ coordinator, config }));
}

type AboutKeys = Administered & { readonly own: boolean };

/** The same for commands about keys, of which a member has some too. @param mayBeNew whether the folder may be one that nobody has used yet */
export async function administerKeys<Result>(
  { own, ...at }: AboutKeys,
  work: (keys: KeyDesk) => Promise<Result>,
  mayBeNew = false,
): Promise<Result> {
  const { coordinator, config } = at;
  if (coordinator) {
    const { keysBySession } = await import("./login/administer.ts");
    return await work(await keysBySession({ coordinator, config }, own));
  }
  if (own) throw new WrongUsage("--own goes with --coordinator: it means the account of whoever is signed in there.");
  return await administerFolder(mayBeNew ? folderOf(at) : existing(at), work);
}

const folderOf = ({ data = adminNeeds.data.default, database }: Pick<Administered, "data" | "database">): Folder => ({
  data,
  database,
});

function existing(at: Administered): Folder {
  const folder = folderOf(at);
  if (isFolder(folder.data)) return folder;
  throw new CommandFailed(
    `There is no folder ${folder.data}. Give the coordinator's data folder, or that of 'darkbloom up', with --data; or a coordinator's URL with --coordinator.`,
  );
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
