import { concatBytes, equalBytes, fromBase64, fromUtf8, toBase64, toHex, u32be, utf8 } from "../bytes.ts";
import type { Crypto } from "../ports.ts";

/** How the holder of a key signs: notes as they are, or a checkpoint with the time at which it was seen. */
export const signatureTypes = { ed25519: 1, cosignature: 4 } as const;
export type SignatureType = (typeof signatureTypes)[keyof typeof signatureTypes];

/** A key that signs notes, by https://c2sp.org/signed-note. */
export interface NoteKey {
  readonly name: string;
  readonly type: SignatureType;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

export interface NoteSignature {
  readonly name: string;
  /** The key's first four bytes of hash, then the signature. */
  readonly bytes: Uint8Array;
}

export interface Note {
  /** With its last line end. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

const KEY_ID_BYTES = 4;
/** Well above the 16 that everybody must read; each is one hash. */
const SIGNATURES_MAX = 64;
export const NOTE_BYTES_MAX = 64 * 1024;

export function keyIdOf(crypto: Crypto, { name, type, publicKey }: NoteKey): Uint8Array {
  return crypto.sha256(concatBytes(utf8(`${name}\n`), Uint8Array.of(type), publicKey)).slice(0, KEY_ID_BYTES);
}

/** Key names in notes, and origins of logs: no white space, no plus sign, nothing that moves a terminal. */
export const noteName = /^[\w.:/-]{1,128}$/;

/** `<name>+<key id>+<base64 of type and key>` */
export function verifierKey(crypto: Crypto, key: NoteKey): string {
  return `${key.name}+${toHex(keyIdOf(crypto, key))}+${toBase64(concatBytes(Uint8Array.of(key.type), key.publicKey))}`;
}

/** Undefined where the text is no such key, or its id is another's. */
export function readVerifierKey(crypto: Crypto, text: string): NoteKey | undefined {
  const [, name = "", encoded = ""] = /^([^+]+)\+[0-9a-f]{8}\+([A-Za-z0-9+/=]+)$/.exec(text) ?? [];
  if (!noteName.test(name)) return undefined;
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(encoded);
  } catch {
    return undefined;
  }
  const type = Object.values(signatureTypes).find((known) => known === bytes[0]);
  if (type === undefined || bytes.length !== 33) return undefined;
  const key = { name, type, publicKey: bytes.slice(1) };
  return verifierKey(crypto, key) === text ? key : undefined;
}

/** The line that a key's holder adds below a note. */
export function signatureLine(crypto: Crypto, key: NoteKey, signature: Uint8Array): string {
  return `— ${key.name} ${toBase64(concatBytes(keyIdOf(crypto, key), signature))}\n`;
}

/** Undefined where the text is no signed note. */
export function readNote(text: string): Note | undefined {
  const end = text.lastIndexOf("\n\n");
  if (end < 0 || text.length > NOTE_BYTES_MAX || /[^\P{Cc}\n]/u.test(text)) return undefined;
  const signatures = readSignatureLines(text.slice(end + 2));
  return signatures && { text: text.slice(0, end + 1), signatures };
}

/** Undefined where a line is no signature. */
export function readSignatureLines(text: string): NoteSignature[] | undefined {
  if (!text.endsWith("\n")) return undefined;
  const lines = text.slice(0, -1).split("\n");
  if (lines.length > SIGNATURES_MAX) return undefined;
  const signatures = lines.map(readSignatureLine);
  return signatures.every((signature) => signature !== undefined) ? signatures : undefined;
}

function readSignatureLine(line: string): NoteSignature | undefined {
  const [, name = "", encoded = ""] = /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/u.exec(line) ?? [];
  try {
    const bytes = fromBase64(encoded);
    return bytes.length > KEY_ID_BYTES ? { name, bytes } : undefined;
  } catch {
    return undefined;
  }
}

/** What stands below a note under this key's name and id; usually one. */
export function signaturesBy(crypto: Crypto, note: Note, key: NoteKey): Uint8Array[] {
  const id = keyIdOf(crypto, key);
  return note.signatures
    .filter(({ name, bytes }) => name === key.name && equalBytes(bytes.subarray(0, KEY_ID_BYTES), id))
    .map(({ bytes }) => bytes.subarray(KEY_ID_BYTES));
}

/** Whether the key's holder signed the note as it is, and nothing below it in the key's name is false. */
export async function isSignedBy(crypto: Crypto, note: Note, key: NoteKey): Promise<boolean> {
  const signatures = signaturesBy(crypto, note, key);
  for (const signature of signatures)
    if (!(await crypto.verifyEd25519(key.publicKey, utf8(note.text), signature))) return false;
  return signatures.length > 0;
}

const TIME_BYTES = 8;
const ED25519_BYTES = 64;
/** No date is later: https://tc39.es/ecma262/#sec-time-values-and-time-range */
const LATEST_SEC = 8_640_000_000_000n;

/**
 * When a witness saw a checkpoint, by https://c2sp.org/tlog-cosignature; undefined where it did not sign it.
 *
 * @returns seconds since 1970
 */
export async function cosignedAtSec(crypto: Crypto, note: Note, witness: NoteKey): Promise<number | undefined> {
  for (const bytes of signaturesBy(crypto, note, witness)) {
    if (bytes.length !== TIME_BYTES + ED25519_BYTES) continue;
    const time = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
    if (time > LATEST_SEC) continue;
    const signed = cosignatureMessage(note.text, time);
    if (await crypto.verifyEd25519(witness.publicKey, signed, bytes.subarray(TIME_BYTES))) return Number(time);
  }
  return undefined;
}

/** What a witness signs. */
export const cosignatureMessage = (noteText: string, timeSec: bigint): Uint8Array =>
  utf8(`cosignature/v1\ntime ${timeSec}\n${noteText}`);

/** A cosignature's bytes behind the key id. */
export function timedSignature(timeSec: bigint, signature: Uint8Array): Uint8Array {
  const [high, low] = [Number(timeSec >> 32n), Number(timeSec & 0xffff_ffffn)];
  return concatBytes(u32be(high), u32be(low), signature);
}

/** Text that somebody else sent, where it is UTF-8 and no longer than a note may be. */
export function noteTextOf(bytes: Uint8Array): string | undefined {
  if (bytes.length > NOTE_BYTES_MAX) return undefined;
  try {
    return fromUtf8(bytes);
  } catch {
    return undefined;
  }
}
