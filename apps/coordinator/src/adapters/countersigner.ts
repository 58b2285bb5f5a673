import { coordinatorKeyId } from "@darkbloom/protocol/evidence";
import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import { nodeCrypto, type DataFolder } from "@darkbloom/protocol/node";
import type { Countersigner } from "../inference/countersigner.ts";
import { openEd25519File } from "./ed25519-file.ts";

export const COUNTERSIGNER_FILE = "coordinator-key.pem";

/** The message is a sentence for the operator. */
export class CountersignerError extends ErrorForPeople {
  override readonly name = "CountersignerError";
}

/**
 * The folder's countersigning key, made at the first start.
 *
 * @throws CountersignerError where the file is something else: a new key would make old receipts look forged
 */
export function openCountersigner(folder: DataFolder): Countersigner {
  const refuse = () =>
    new CountersignerError(
      `The file ${folder.file(COUNTERSIGNER_FILE)} is not an Ed25519 private key in PEM. Restore it from a backup; only if there is none, move it away, and callers must then accept a new key.`,
    );
  const { publicKey, sign } = openEd25519File(folder, COUNTERSIGNER_FILE, refuse);
  return { keyId: coordinatorKeyId(nodeCrypto, publicKey), publicKey, sign };
}
