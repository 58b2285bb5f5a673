import { createPrivateKey, generateKeyPairSync, sign as signWith } from "node:crypto";
import { describe, expect, it } from "vitest";
import { fromBase64, toBase64, utf8 } from "../bytes.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { openCheckpoint, signedCheckpoint } from "./checkpoint.ts";
import { entryBytes, leafOf, readEntry, receiptEntry } from "./entries.ts";
import {
  cosignatureMessage,
  cosignedAtSec,
  isSignedBy,
  noteTextOf,
  readNote,
  readSignatureLines,
  readVerifierKey,
  signatureLine,
  signatureTypes,
  timedSignature,
  verifierKey,
  type NoteKey,
} from "./note.ts";
import { openProofFile, proofFile } from "./proof-file.ts";

function keyNamed(name: string, type: NoteKey["type"] = signatureTypes.ed25519) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "jwk" }).x ?? "";
  const key: NoteKey = { name, type, publicKey: new Uint8Array(Buffer.from(raw, "base64url")) };
  return {
    key,
    sign: (message: Uint8Array) =>
      new Uint8Array(signWith(null, message, createPrivateKey(privateKey.export({ type: "pkcs8", format: "pem" })))),
  };
}

const named: NoteKey = { name: "a.example", type: signatureTypes.ed25519, publicKey: new Uint8Array(32) };

/** The example of https://c2sp.org/signed-note. */
const vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const example =
  "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

describe("signed notes", () => {
  it("reads the specification's own example", async () => {
    const key = readVerifierKey(nodeCrypto, vkey);
    const note = readNote(example);
    if (!key || !note) throw new Error("not read");
    expect(await isSignedBy(nodeCrypto, note, key)).toBe(true);
    expect(await isSignedBy(nodeCrypto, { ...note, text: note.text.replace("example", "another") }, key)).toBe(false);
    expect(verifierKey(nodeCrypto, key)).toBe(vkey);
  });

  it.each([
    vkey.replace("530d903a", "530d903b"),
    vkey.replace("example.com/foo", "example.com foo"),
    vkey.replace("AekyeRrm", "B+kyeRrm"),
    vkey.slice(0, -4),
    "example.com/foo",
    "",
    verifierKey(nodeCrypto, { ...named, name: "example.com foo" }),
    verifierKey(nodeCrypto, { ...named, publicKey: new Uint8Array(33) }),
    verifierKey(nodeCrypto, { ...named, type: Number("2") as NoteKey["type"] }),
    verifierKey(nodeCrypto, { ...named, type: Number("0") as NoteKey["type"] }),
  ])("refuses the key %j", (text) => {
    expect(readVerifierKey(nodeCrypto, text)).toBeUndefined();
  });

  it.each([
    example.replace("\n\n", "\n"),
    example.trimEnd(),
    example.replace("— ", "- "),
    example.replace("Uw2Q", "Uw*Q"),
    example.replace("This", "Th\u001bis"),
    `${example}— a b\n`,
    `text\n\n${"— a AAAAAAAA\n".repeat(65)}`,
    "x— a AAAAAAAA\n",
    "text\n\n— a AAAAAAAAx",
    "text\n\n— a AAAAAA==\n",
    `${"x".repeat(64 * 1024 - 14)}\n\n— a AAAAAAAA\n`,
  ])("refuses the note %j", (text) => {
    expect(readNote(text)).toBeUndefined();
  });

  it.each([
    "\n\n— a AAAAAAAA\n",
    `text\n\n${"— a AAAAAAAA\n".repeat(64)}`,
    "text\n\n— a AAAAAAA=\n",
    `${"x".repeat(64 * 1024 - 15)}\n\n— a AAAAAAAA\n`,
  ])("reads the note %j", (text) => {
    expect(readNote(text)).toBeDefined();
  });

  it("looks past signatures of others, and not past a false one in the key's own name", async () => {
    const { key, sign } = keyNamed("a.example/log");
    const other = keyNamed("b.example");
    const text = "some text\n";
    const good = signatureLine(nodeCrypto, key, sign(utf8(text)));
    const foreign = signatureLine(nodeCrypto, other.key, sign(utf8("else")));
    const bad = signatureLine(nodeCrypto, key, sign(utf8("else")));
    const verdict = async (lines: string) => {
      const note = readNote(`${text}\n${lines}`);
      return note && (await isSignedBy(nodeCrypto, note, key));
    };
    expect(await verdict(foreign + good)).toBe(true);
    expect(await verdict(good + bad)).toBe(false);
    expect(await verdict(foreign)).toBe(false);
    // Of another key under the same name, and of the same key under another name.
    const namesake = signatureLine(nodeCrypto, { ...other.key, name: key.name }, other.sign(utf8(text)));
    expect(await verdict(namesake + good)).toBe(true);
    expect(await verdict(namesake)).toBe(false);
    expect(await verdict(bad.replace("a.example/log", "c.example/log") + good)).toBe(true);
  });

  it("reads no text that is too long or not UTF-8", () => {
    expect(noteTextOf(utf8("text"))).toBe("text");
    expect(noteTextOf(new Uint8Array(64 * 1024))).toHaveLength(64 * 1024);
    expect(noteTextOf(new Uint8Array(64 * 1024 + 1))).toBeUndefined();
    expect(noteTextOf(Uint8Array.of(0xff))).toBeUndefined();
  });
});

const root = nodeCrypto.sha256(utf8("root"));

describe("checkpoints", () => {
  const { key, sign } = keyNamed("log.example/1");
  const checkpoint = { origin: "log.example/1", size: 42, root };
  const text = signedCheckpoint(nodeCrypto, checkpoint, key, sign);

  it("is read back under its key alone", async () => {
    expect(text.split("\n").slice(0, 4)).toEqual(["log.example/1", "42", toBase64(root), ""]);
    expect((await openCheckpoint(nodeCrypto, text, key))?.checkpoint).toEqual(checkpoint);
    expect(await openCheckpoint(nodeCrypto, text, keyNamed("log.example/1").key)).toBeUndefined();
    expect(await openCheckpoint(nodeCrypto, text.replace("42", "43"), key)).toBeUndefined();
  });

  it.each(["042", "-1", "4.2", "9007199254740993", "", "0x2a"])("refuses the size %j", async (size) => {
    const body = `log.example/1\n${size}\n${toBase64(root)}\n`;
    const signed = `${body}\n${signatureLine(nodeCrypto, key, sign(utf8(body)))}`;
    expect(await openCheckpoint(nodeCrypto, signed, key)).toBeUndefined();
  });

  it.each([
    ["a hash of 31 bytes", `log.example/1\n42\n${toBase64(root.subarray(1))}\n`],
    ["a hash that is none", "log.example/1\n42\nroot\n"],
    ["no hash", "log.example/1\n42\n"],
    ["no size", "log.example/1\n"],
  ])("refuses one with %s", async (_what, body) => {
    const signed = `${body}\n${signatureLine(nodeCrypto, key, sign(utf8(body)))}`;
    expect(await openCheckpoint(nodeCrypto, signed, key)).toBeUndefined();
  });

  it("takes what is no note for none", async () => {
    expect(await openCheckpoint(nodeCrypto, "text", key)).toBeUndefined();
  });

  it("refuses a checkpoint of another log, though its key signed it", async () => {
    const foreign = signedCheckpoint(nodeCrypto, { ...checkpoint, origin: "log.example/2" }, key, sign);
    expect(await openCheckpoint(nodeCrypto, foreign, key)).toBeUndefined();
  });

  it("tells when a witness saw it", async () => {
    const witness = keyNamed("witness.example/w1", signatureTypes.cosignature);
    const note = readNote(text);
    if (!note) throw new Error("not read");
    const signature = witness.sign(cosignatureMessage(note.text, 1_700_000_000n));
    const lines = signatureLine(nodeCrypto, witness.key, timedSignature(1_700_000_000n, signature));
    const cosigned = { ...note, signatures: [...note.signatures, ...(readSignatureLines(lines) ?? [])] };
    expect(await cosignedAtSec(nodeCrypto, cosigned, witness.key)).toBe(1_700_000_000);
    expect(await cosignedAtSec(nodeCrypto, note, witness.key)).toBeUndefined();
    const later = signatureLine(nodeCrypto, witness.key, timedSignature(1_700_000_001n, signature));
    expect(
      await cosignedAtSec(nodeCrypto, { ...note, signatures: readSignatureLines(later) ?? [] }, witness.key),
    ).toBeUndefined();
  });
});

describe("the time of a witness", () => {
  it.each([0, 3, 7, 8, 71, 73])("is none in a signature of %d bytes", async (length) => {
    const witness = keyNamed("witness.example/w1", signatureTypes.cosignature);
    const line = signatureLine(nodeCrypto, witness.key, new Uint8Array(length).fill(1));
    const note = { text: "text\n", signatures: readSignatureLines(line) ?? [] };
    expect(await cosignedAtSec(nodeCrypto, note, witness.key)).toBeUndefined();
  });

  it.each([
    [8_640_000_000_000n, 8_640_000_000_000],
    [8_640_000_000_001n, undefined],
    [2n ** 64n - 1n, undefined],
  ])("is one that a date can have: %d", async (time, seen) => {
    const witness = keyNamed("witness.example/w1", signatureTypes.cosignature);
    const line = signatureLine(
      nodeCrypto,
      witness.key,
      timedSignature(time, witness.sign(cosignatureMessage("text\n", time))),
    );
    const note = { text: "text\n", signatures: readSignatureLines(line) ?? [] };
    expect(await cosignedAtSec(nodeCrypto, note, witness.key)).toBe(seen);
  });
});

describe("proof files", () => {
  const { key, sign } = keyNamed("log.example/1");
  const leaf = leafOf(nodeCrypto, receiptEntry(nodeCrypto, root, new Uint8Array(32)));
  const sibling = nodeCrypto.sha256(utf8("sibling"));
  const above = nodeCrypto.sha256(Uint8Array.of(1), leaf, sibling);
  const head = signedCheckpoint(nodeCrypto, { origin: "log.example/1", size: 2, root: above }, key, sign);
  const file = proofFile(0, [sibling], head);

  it("shows an entry offline", async () => {
    expect(await openProofFile(nodeCrypto, file, key, leaf)).toMatchObject({ index: 0, checkpoint: { size: 2 } });
    const withExtra = file.replace("\nindex", "\nextra AAAA\nindex");
    expect(await openProofFile(nodeCrypto, withExtra, key, leaf)).toMatchObject({ index: 0 });
  });

  it.each([
    ["another leaf", file, nodeCrypto.sha256(utf8("x"))],
    ["another index", file.replace("index 0", "index 1"), leaf],
    ["an index beyond the tree", file.replace("index 0", "index 2"), leaf],
    ["no index", file.replace("index 0", "inde"), leaf],
    ["another version", file.replace("@v1", "@v2"), leaf],
    ["a hash too few", file.replace(`${toBase64(sibling)}\n`, ""), leaf],
    ["a hash that is none", file.replace(toBase64(sibling), "AAAA"), leaf],
    ["another size", file.replace("\n2\n", "\n3\n"), leaf],
    ["no checkpoint", file.slice(0, file.indexOf("\n\n")), leaf],
    ["nothing", "", leaf],
  ])("refuses %s", async (_what, text, shown) => {
    expect(await openProofFile(nodeCrypto, text, key, shown)).toBeUndefined();
  });
});

describe("entries", () => {
  it("is written in canonical JSON and read back", () => {
    const entry = { v: 1, kind: "weights", build: "b", weights_sha256: "0".repeat(64) } as const;
    expect(new TextDecoder().decode(entryBytes(entry))).toBe(
      `{"build":"b","kind":"weights","v":1,"weights_sha256":"${"0".repeat(64)}"}`,
    );
    expect(readEntry(entryBytes(entry))).toEqual(entry);
    expect(readEntry(utf8('{"v":1,"kind":"later"}'))).toBeUndefined();
    expect(readEntry(utf8("{"))).toBeUndefined();
  });

  it("hides a receipt behind its blind", () => {
    const blinds = [new Uint8Array(32), new Uint8Array(32).fill(1)];
    const [one, two] = blinds.map((blind) => receiptEntry(nodeCrypto, root, blind));
    expect(one).not.toEqual(two);
    expect(() => receiptEntry(nodeCrypto, root, fromBase64("AAAA"))).toThrow(RangeError);
  });
});
