import { fromBase64, toBase64, utf8 } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import type { Hash } from "./merkle.ts";
import { isSignedBy, readNote, signatureLine, type Note, type NoteKey } from "./note.ts";
import { HASH_BYTES } from "./tiles.ts";

/** The head of a log: how many entries it has, and the root of the tree over them (https://c2sp.org/tlog-checkpoint). */
export interface Checkpoint {
  /** The log's name. */
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
}

export const checkpointText = ({ origin, size, root }: Checkpoint): string => `${origin}\n${size}\n${toBase64(root)}\n`;

/** The checkpoint as a note under the log's key, whose name is the origin. */
export function signedCheckpoint(
  crypto: Crypto,
  checkpoint: Checkpoint,
  key: NoteKey,
  sign: (message: Uint8Array) => Uint8Array,
): string {
  const text = checkpointText(checkpoint);
  return `${text}\n${signatureLine(crypto, key, sign(utf8(text)))}`;
}

/** A checkpoint, and the note with all signatures below it. Undefined where the text is none, or the key did not sign it. */
export async function openCheckpoint(
  crypto: Crypto,
  text: string,
  key: NoteKey,
): Promise<{ readonly checkpoint: Checkpoint; readonly note: Note } | undefined> {
  const note = readNote(text);
  const checkpoint = note && readCheckpoint(note.text);
  if (!checkpoint || checkpoint.origin !== key.name || !(await isSignedBy(crypto, note, key))) return undefined;
  return { checkpoint, note };
}

/** Lines after the third are somebody's extensions, and signed with the rest. */
function readCheckpoint(text: string): Checkpoint | undefined {
  const [origin = "", size = "", root = ""] = text.split("\n");
  if (!/^(0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) return undefined;
  const hash = hashFrom(root);
  return hash && { origin, size: Number(size), root: hash };
}

/** Of one line of base64. */
export function hashFrom(line: string): Hash | undefined {
  try {
    const hash = fromBase64(line);
    return hash.length === HASH_BYTES ? hash : undefined;
  } catch {
    return undefined;
  }
}
