import { softwareSerial } from "@darkbloom/protocol/evidence";
import { nodeCrypto, type DataFolder } from "@darkbloom/protocol/node";
import { readMachine } from "../posture/machine.ts";
import { mdaEvidenceIn } from "./apple-mda.ts";

/** A serial that Apple vouches for; without that it would be anybody's word, and the key's own name is more. */
export const serialOf = (isVouched: boolean, own: string | undefined, publicKey: Uint8Array): string =>
  (isVouched ? own : undefined) ?? softwareSerial(nodeCrypto, publicKey);

/** What a machine with this folder and key calls itself. */
export async function serialIn(folder: DataFolder, publicKey: Uint8Array): Promise<string> {
  return serialOf(mdaEvidenceIn(folder) !== undefined, (await readMachine()).serial, publicKey);
}
