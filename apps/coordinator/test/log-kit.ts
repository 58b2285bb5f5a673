import { generateKeyPairSync, sign as signWith } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "@darkbloom/protocol/bytes";
import {
  cosignatureMessage,
  entriesIn,
  hashesOf,
  openCheckpoint,
  readEntry,
  readNote,
  readVerifierKey,
  signatureLine,
  signatureTypes,
  timedSignature,
  Tree,
  verifierKey,
  type LogEntry,
  type NoteKey,
} from "@darkbloom/protocol/log";
import { microUsd } from "@darkbloom/protocol/money";
import { nodeCrypto, openDataFolder, systemClock } from "@darkbloom/protocol/node";
import { openDatabase } from "../src/adapters/database.ts";
import { openLogSigner } from "../src/adapters/log-signer.ts";
import { SqliteLedger } from "../src/adapters/sqlite-ledger.ts";
import { SqliteLog } from "../src/adapters/sqlite-log.ts";
import type { Events } from "../src/events/events.ts";
import { lease, anna, receiptOf, settlementOf, termsOf } from "../src/ledger/ledger.samples.ts";
import type { LogSigner, LogStore, Witness } from "../src/transparency/port.ts";
import { TransparencyLog } from "../src/transparency/transparency-log.ts";

const root = mkdtempSync(join(tmpdir(), "log-"));
process.once("exit", () => rmSync(root, { recursive: true }));

export const newFolder = (): string => mkdtempSync(join(root, "data-"));

const networkKey = { mac: (message: Uint8Array) => nodeCrypto.sha256(utf8("network"), message) };

/** Several coordinators that have one log's key, each with a folder of its own. */
export function signersOfOne() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = new Uint8Array(publicKey.export({ format: "der", type: "spki" }).subarray(-32));
  const notes = new Map<number, string>();
  return {
    kept: (n: number) => notes.get(n),
    net: (n: number) => ({
      clock: systemClock,
      crypto: nodeCrypto,
      events: {} as Partial<Events> as Events,
      networkKey,
      witnesses: [],
      signer: {
        origin: "darkbloom/log/shared",
        publicKey: raw,
        sign: (message: Uint8Array) => new Uint8Array(signWith(null, message, privateKey)),
        keep: (note: string) => void notes.set(n, note),
        kept: () => notes.get(n),
      },
    }),
  };
}

interface Opened {
  readonly path?: string;
  readonly witnesses?: readonly Witness[];
  /** What stands between the log and what it is kept in. */
  readonly between?: (kept: { store: LogStore; signer: LogSigner }) => { store: LogStore; signer: LogSigner };
}

/** A log in a folder of its own, with the ledger beside it. */
export async function openedLog({ path = newFolder(), witnesses = [], between = (kept) => kept }: Opened = {}) {
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(await openDataFolder(path, "coordinator"));
  const database = opening.adopt(await openDatabase(folder), async (open) => open.close());
  const ledger = opening.use(new SqliteLedger(database, { lease }));
  const { store, signer } = between({ store: new SqliteLog(database), signer: openLogSigner(folder) });
  const bugs: unknown[] = [];
  let slept = (): void => {};
  const dropped: number[] = [];
  const events = {
    bug: (_facts: unknown, error: unknown) => void bugs.push(error),
    logFactsDropped: ({ facts }) => void dropped.push(facts),
  } as Partial<Events> as Events;
  const log = await TransparencyLog.open({
    clock: { ...systemClock, sleep: async () => slept() },
    crypto: nodeCrypto,
    events,
    networkKey,
    store,
    signer,
    witnesses,
  });
  const key = readVerifierKey(nodeCrypto, log.verifierKey);
  if (!key) throw new Error("the log's key cannot be read");
  const head = async () => {
    const read = await openCheckpoint(nodeCrypto, log.checkpoint, key);
    if (!read) throw new Error("the checkpoint cannot be opened");
    return read.checkpoint;
  };
  const settle = async (id: string): Promise<Uint8Array> => {
    const sha256 = nodeCrypto.sha256(utf8(id));
    await ledger.hold(termsOf(id, 1n));
    const settlement = settlementOf(1n, { id, receipt: receiptOf(id) });
    await ledger.settle(termsOf(id, 1n).holdId, {
      ...settlement,
      ...(settlement.job && { job: { ...settlement.job, receiptSha256: sha256 } }),
    });
    return sha256;
  };
  await ledger.credit("credit", anna, microUsd(1_000_000n), 1);
  const parts = opening.move();
  const onSleep = (told: () => void): void => void (slept = told);
  return {
    path,
    folder,
    store,
    database,
    log,
    key,
    head,
    settle,
    bugs,
    dropped,
    onSleep,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

export const fact = (at: number): LogEntry => ({
  v: 1,
  kind: "weights",
  build: `build-${at}`,
  weights_sha256: "0".repeat(64),
});

/** Of a machine. */
export const keysFact = (at: number): LogEntry => ({
  v: 1,
  kind: "provider_keys",
  evidence_sha256: String(at).padStart(64, "0"),
  identity_key_sha256: "0".repeat(64),
  hpke_key_ids: [],
});

export async function entriesOf(log: TransparencyLog, size: number): Promise<(LogEntry | undefined)[]> {
  const all: (LogEntry | undefined)[] = [];
  for (let index = 0; index * 256 < size; index += 1) {
    const width = Math.min(256, size - index * 256);
    const bundle = await log.tile({ level: "entries", index, width });
    all.push(...(entriesIn(bundle ?? new Uint8Array(), width) ?? []).map(readEntry));
  }
  return all;
}

/** The tree as a reader of the published files sees it. */
export const treeOf = (log: TransparencyLog, size: number): Tree =>
  new Tree(
    nodeCrypto,
    size,
    hashesOf(nodeCrypto, size, async (tile) => (await log.tile(tile)) ?? new Uint8Array()),
  );

export function witnessNamed(
  name: string,
  lines?: (honest: string) => string,
): Witness & { readonly key: NoteKey; seen: number[] } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = new Uint8Array(Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"));
  const key: NoteKey = { name, type: signatureTypes.cosignature, publicKey: raw };
  const seen: number[] = [];
  return {
    key,
    seen,
    verifierKey: verifierKey(nodeCrypto, key),
    async cosign(note, size) {
      seen.push(size);
      const signature = signWith(null, cosignatureMessage(readNote(note)?.text ?? "", 1_800_000_000n), privateKey);
      const honest = signatureLine(nodeCrypto, key, timedSignature(1_800_000_000n, new Uint8Array(signature)));
      return lines ? lines(honest) : honest;
    },
  };
}
