import { coordinatorKeyId } from "@darkbloom/protocol/evidence";
import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import { nodeCrypto, type DataFolder } from "@darkbloom/protocol/node";
import type { LogSigner } from "../transparency/port.ts";
import { openEd25519File } from "./ed25519-file.ts";

export const LOG_KEY_FILE = "log-key.pem";
/** The last checkpoint that was signed: beside the database, so that an older one put back does not become another log. */
export const LOG_CHECKPOINT_FILE = "log-checkpoint";

/** The message is a sentence for the operator. */
export class LogError extends ErrorForPeople {
  override readonly name = "LogError";
}

/**
 * The folder's key for its transparency log, made at the first start. The log is named by it.
 *
 * @throws LogError where a checkpoint is there and its key is not: a new key would be another log
 */
export function openLogSigner(folder: DataFolder): LogSigner {
  const restore = `Restore ${LOG_KEY_FILE} and ${LOG_CHECKPOINT_FILE} from a backup; only if there is none, move both away, and a new log begins, which everybody sees.`;
  if (folder.read(LOG_CHECKPOINT_FILE) !== undefined && folder.read(LOG_KEY_FILE) === undefined)
    throw new LogError(`The folder ${folder.path} has a transparency log and not its key ${LOG_KEY_FILE}. ${restore}`);
  const refuse = () =>
    new LogError(`The file ${folder.file(LOG_KEY_FILE)} is not an Ed25519 private key in PEM. ${restore}`);
  const { publicKey, sign } = openEd25519File(folder, LOG_KEY_FILE, refuse);
  return {
    origin: `darkbloom/log/${coordinatorKeyId(nodeCrypto, publicKey)}`,
    publicKey,
    sign,
    keep: (note) => folder.write(LOG_CHECKPOINT_FILE, note),
    kept: () => folder.read(LOG_CHECKPOINT_FILE)?.toString(),
  };
}
