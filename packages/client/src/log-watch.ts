import { fromBase64OrNothing, toHex } from "@darkbloom/protocol/bytes";
import {
  cosignedAtSec,
  hashesOf,
  isConsistent,
  leafOf,
  NOTE_BYTES_MAX,
  noteTextOf,
  openCheckpoint,
  openProofFile,
  HASH_BYTES,
  TILE_WIDTH,
  tilePath,
  Tree,
  type Checkpoint,
  type Note,
  type NoteKey,
} from "@darkbloom/protocol/log";
import type { Crypto } from "@darkbloom/protocol/ports";
import type { RegistrationBlob } from "@darkbloom/protocol/wire";
import type { Coordinator } from "./coordinator.ts";
import { DarkbloomError } from "./errors.ts";
import type { Published } from "./keys.ts";
import type { Rules } from "./policy.ts";

/** Where an entry stands in a log. */
export interface Logged {
  readonly origin: string;
  readonly index: number;
  readonly size: number;
  /** Names of the policy's witnesses who have signed that. */
  readonly witnessedBy: readonly string[];
}

/** The coordinator's log, as a reader follows it who forgets nothing: it only ever grows, or nothing is sent. */
export class LogWatch {
  readonly #crypto: Crypto;
  readonly #coordinator: Coordinator;
  readonly #published: Published;
  readonly #rules: NonNullable<Rules["log"]>;
  /** One comparison after the other, so that each is with the newest that was seen. */
  #following: Promise<void> = Promise.resolve();

  constructor(crypto: Crypto, coordinator: Coordinator, published: Published, rules: NonNullable<Rules["log"]>) {
    this.#crypto = crypto;
    this.#coordinator = coordinator;
    this.#published = published;
    this.#rules = rules;
  }

  /**
   * Where the log holds the keys of this machine; undefined where it does not.
   *
   * @throws DarkbloomError where it is not the log that was seen before, or does not answer
   */
  async place(blob: RegistrationBlob, evidenceSha256: string): Promise<Logged | undefined> {
    const { key, path } = await this.#log();
    const leaf = leafOf(this.#crypto, {
      v: 1,
      kind: "provider_keys",
      evidence_sha256: evidenceSha256,
      identity_key_sha256: toHex(this.#crypto.sha256(fromBase64OrNothing(blob.identity_key))),
      hpke_key_ids: blob.hpke_keys.map(({ id }) => id),
    });
    const bytes = await this.#coordinator.file(`${path}proof/${toHex(leaf)}`, { bytesMax: 2 * NOTE_BYTES_MAX });
    const text = bytes && noteTextOf(bytes);
    if (text === undefined) return undefined;
    const proven = await openProofFile(this.#crypto, text, key, leaf);
    if (!proven) throw falseLog("its proof of a machine's keys does not hold");
    const { checkpoint, index, note } = proven;
    const witnessedBy = await this.#witnessesOf(note);
    await this.#follow(checkpoint, text.slice(text.indexOf("\n\n") + 2), key, path);
    return { origin: checkpoint.origin, size: checkpoint.size, index, witnessedBy };
  }

  /** Those who have signed a checkpoint, of whom there are enough. @throws DarkbloomError where there are not */
  async #witnessesOf(note: Note): Promise<readonly string[]> {
    const { witnesses, quorum } = this.#rules;
    const signed: string[] = [];
    for (const witness of witnesses)
      if ((await cosignedAtSec(this.#crypto, note, witness)) !== undefined) signed.push(witness.name);
    if (signed.length >= quorum) return signed;
    throw new DarkbloomError(
      "log_unwitnessed",
      `Of the policy's ${witnesses.length} witnesses ${signed.length} have signed what the coordinator's log shows, and ${quorum} must have. Nothing was sent. Try again later; if it stays so, others may be shown another log: ask the operator.`,
    );
  }

  async #log(): Promise<{ readonly key: NoteKey; readonly path: string }> {
    const { log } = await this.#published.wellKnown();
    if (!log) throw new DarkbloomError("log_missing", `${this.#coordinator.base.href} keeps no log. Nothing was sent.`);
    const key = this.#rules.key ?? (await this.#published.logKey());
    if (!key) throw falseLog("the key that the coordinator names for it is none");
    return { key, path: `./${log.path.replaceAll(/^\/+|\/+$/g, "")}/` };
  }

  #follow(now: Checkpoint, text: string, key: NoteKey, path: string): Promise<void> {
    const next = this.#following.then(() => this.#compare(now, text, key, path));
    this.#following = next.catch(() => undefined);
    return next;
  }

  /** Demands that the newer of what is seen now and what was seen last holds all of the other; and keeps it. */
  async #compare(now: Checkpoint, text: string, key: NoteKey, path: string): Promise<void> {
    const { store } = this.#rules;
    const kept = await store.read(now.origin);
    const last = kept === undefined ? undefined : (await openCheckpoint(this.#crypto, kept, key))?.checkpoint;
    if (kept !== undefined && !last) throw falseLog("its key is not the one that signed what was seen of it last");
    if (last) {
      const [earlier, later] = last.size <= now.size ? [last, now] : [now, last];
      const isOne = isConsistent(this.#crypto, earlier, later, await this.#proof(earlier.size, later.size, path));
      if (!isOne)
        throw falseLog(`what it shows now (${now.size} entries) and what was seen last (${last.size}) are not one log`);
    }
    if (!last || now.size > last.size) await store.write(now.origin, text);
  }

  async #proof(earlier: number, later: number, path: string): Promise<Uint8Array[]> {
    if (earlier === 0) return [];
    const read = hashesOf(this.#crypto, later, async (tile) => {
      const bytes = await this.#coordinator.file(path + tilePath(tile), { bytesMax: TILE_WIDTH * HASH_BYTES });
      if (bytes?.length === tile.width * HASH_BYTES) return bytes;
      throw falseLog(`it lacks ${tilePath(tile)}`);
    });
    return new Tree(this.#crypto, later, read).consistencyProof(earlier);
  }
}

const falseLog = (what: string): DarkbloomError =>
  new DarkbloomError(
    "log_false",
    `The coordinator's log is not what it must be: ${what}. Nothing was sent. Keep what your store holds: together with what is shown now it is the proof.`,
  );
