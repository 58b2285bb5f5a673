import type { DataFolder } from "@darkbloom/protocol/node";
import type { Countersigner } from "../inference/countersigner.ts";
import type { NetworkKey } from "../machines/ports.ts";
import type { LogSigner } from "../transparency/port.ts";
import { COUNTERSIGNER_FILE, openCountersigner } from "./countersigner.ts";
import { MARK_FILE } from "./database-mark.ts";
import { openLocalSecret } from "./local-secret.ts";
import { LOG_CHECKPOINT_FILE, LOG_KEY_FILE, openLogSigner } from "./log-signer.ts";
import { NETWORK_KEY_FILE, openNetworkKey } from "./network-key.ts";

/** The keys that a data folder has beside its database, wherever that is. */
export interface FolderKeys {
  readonly countersigner: Countersigner;
  readonly networkKey: NetworkKey;
  readonly logSigner: LogSigner;
  /** By which a provider on this machine shows that it may join. */
  readonly localSecret: string;
}

/** Each is made where it is missing. */
export const openFolderKeys = (folder: DataFolder): FolderKeys => ({
  countersigner: openCountersigner(folder),
  networkKey: openNetworkKey(folder),
  logSigner: openLogSigner(folder),
  localSecret: openLocalSecret(folder),
});

const keyFiles = [COUNTERSIGNER_FILE, NETWORK_KEY_FILE];
const networkFiles = [...keyFiles, MARK_FILE, LOG_KEY_FILE, LOG_CHECKPOINT_FILE];

/** The names of files that a network without its database leaves: they are made after it, so that they are no first start. */
export const filesOfNetwork = (folder: DataFolder): string[] =>
  networkFiles.filter((name) => folder.read(name) !== undefined);

/** Of the keys that a network is known by. */
export const missingKeyFiles = (folder: DataFolder): string[] =>
  keyFiles.filter((name) => folder.read(name) === undefined);

/** Of those that all coordinators of one database have. */
export const missingSharedFiles = (folder: DataFolder): string[] =>
  [...keyFiles, LOG_KEY_FILE].filter((name) => folder.read(name) === undefined);

/** What to do about them, behind a sentence that names them. */
export const restoreKeyFiles = `Restore them from the same backup (mode 600). New ones would make old receipts look forged and give every machine another pseudonym; only where none are left, make them with 'openssl genpkey -algorithm ed25519 -out ${COUNTERSIGNER_FILE}' and 'openssl rand -hex 32 > ${NETWORK_KEY_FILE}'.`;
