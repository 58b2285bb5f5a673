import { toBase64 } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import { hashFrom, openCheckpoint, type Checkpoint } from "./checkpoint.ts";
import type { Hash } from "./merkle.ts";
import type { Note, NoteKey } from "./note.ts";
import { isIncluded } from "./tree.ts";

const HEADER = "c2sp.org/tlog-proof@v1";

/** That an entry is in a log, as a text that is checked offline (https://c2sp.org/tlog-proof). */
export function proofFile(index: number, proof: readonly Uint8Array[], checkpointNote: string): string {
  return [HEADER, `index ${index}`, ...proof.map(toBase64), "", checkpointNote].join("\n");
}

export interface ProvenEntry {
  readonly index: number;
  readonly checkpoint: Checkpoint;
  /** The checkpoint with all signatures below it, e.g. those of witnesses. */
  readonly note: Note;
}

/** Undefined where the file does not show that the log under this key holds the leaf. */
export async function openProofFile(
  crypto: Crypto,
  text: string,
  key: NoteKey,
  leaf: Hash,
): Promise<ProvenEntry | undefined> {
  const end = text.indexOf("\n\n");
  const [header, ...lines] = text.slice(0, Math.max(0, end)).split("\n");
  // What somebody adds as `extra` is signed by nobody.
  const [at, ...hashes] = lines[0]?.startsWith("extra ") ? lines.slice(1) : lines;
  const [, number] = /^index (0|[1-9]\d{0,15})$/.exec(at ?? "") ?? [];
  if (header !== HEADER) return undefined;
  const proof = hashes.map(hashFrom);
  const opened = await openCheckpoint(crypto, text.slice(end + 2), key);
  if (!opened || !proof.every((hash) => hash !== undefined)) return undefined;
  const index = Number(number);
  return isIncluded(crypto, { index, ...opened.checkpoint }, leaf, proof) ? { index, ...opened } : undefined;
}
