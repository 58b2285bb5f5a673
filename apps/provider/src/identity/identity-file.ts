import { lstatSync } from "node:fs";
import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import type { DataFolder } from "@darkbloom/protocol/node";

/** Any of these bits lets somebody else read the key. */
const OTHERS_MODE_BITS = 0o077;

/** The message is a sentence for the machine's owner. */
export class IdentityKeyError extends ErrorForPeople {
  override readonly name = "IdentityKeyError";
}

/**
 * The bytes of an identity key's file, or undefined where there is none.
 *
 * @throws IdentityKeyError where others may read it
 */
export function readIdentityFile(folder: DataFolder, name: string): Buffer | undefined {
  const path = folder.file(name);
  // Before it is read, which closes it to others: whoever read it until now may be this machine elsewhere.
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() === true && (stats.mode & OTHERS_MODE_BITS) !== 0)
    throw new IdentityKeyError(
      `Other users can read the identity key ${path}. If nobody has copied it, run 'chmod 600 ${path}'; otherwise move it away, and this machine gets a new identity.`,
    );
  return folder.read(name);
}
