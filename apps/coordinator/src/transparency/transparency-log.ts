import { equalBytes, fromUtf8, toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { JobId } from "@darkbloom/protocol/ids";
import {
  checkpointText,
  cosignedAtSec,
  entryBytes,
  hashesOf,
  openCheckpoint,
  proofFile,
  readSignatureLines,
  readVerifierKey,
  receiptEntry,
  signatureTypes,
  signedCheckpoint,
  Tree,
  verifierKey,
  widthAt,
  type LogEntry,
  type NoteKey,
  type Tile,
} from "@darkbloom/protocol/log";
import type { Clock, Crypto } from "@darkbloom/protocol/ports";
import type { Events } from "../events/events.ts";
import type { NetworkKey } from "../machines/ports.ts";
import type { LogSigner, LogStore, SharedHead, UnloggedReceipt, Witness } from "./port.ts";

/** How often what is new is added, and a checkpoint signed. */
export const LOG_EVERY_MS = 1_000;
/** Facts that wait to be added. Beyond it the oldest are dropped: a machine's keys come again with its next challenge. */
export const LOG_FACTS_MAX = 4_096;
const BLIND_TAG = "darkbloom:log-blind:v1\0";

export interface LogNet {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly events: Events;
  readonly networkKey: NetworkKey;
  readonly store: LogStore;
  readonly signer: LogSigner;
  readonly witnesses: readonly Witness[];
  /** Where other coordinators add to the same log, with the same key. */
  readonly head?: SharedHead | undefined;
}

/** Who is asked to sign a checkpoint too, and for how long. */
interface Asked {
  readonly witnesses: readonly Witness[];
  readonly over: AbortSignal | undefined;
}

/** A checkpoint as a witness is shown it. */
interface Shown {
  readonly text: string;
  /** The text, and the log's own signature below it. */
  readonly note: string;
  readonly tree: Tree;
  readonly over: AbortSignal | undefined;
}

/** A receipt's place in the log, for whoever has the receipt. */
export interface LoggedReceipt {
  /** Hex. Without it nobody can tell which entry is the receipt's. */
  readonly blind: string;
  /** A `tlog-proof@v1` file. */
  readonly proof: string;
}

/** The message says what contradicts what, and ends a sentence for the operator. */
export class ForkedLog extends Error {
  override readonly name = "ForkedLog";
}

/**
 * The transparency log: what this coordinator can never again deny to have said. Entries are added in the background,
 * so that no request waits for one; nothing is shown before the checkpoint over it is signed and kept.
 */
export class TransparencyLog {
  readonly #net: LogNet;
  readonly #key: NoteKey;
  readonly #machines = new Map<string, Uint8Array>();
  readonly #operators = new Map<string, Uint8Array>();
  #dropped = 0;
  #published: { readonly size: number; readonly note: string };

  private constructor(net: LogNet, published: { readonly size: number; readonly note: string }) {
    this.#net = net;
    this.#key = keyOf(net.signer);
    this.#published = published;
  }

  /**
   * @throws ForkedLog where the entries are not those that the kept checkpoint was signed over
   */
  static async open(net: LogNet): Promise<TransparencyLog> {
    const log = new TransparencyLog(net, { size: -1, note: "" });
    for (const kept of [net.signer.kept(), await net.head?.read()]) if (kept !== undefined) await log.#adopt(kept);
    // Witnesses are asked later: nothing waits for them at a start.
    if (log.#published.size < 0) await log.#publish(net.store.size());
    return log;
  }

  /** Publishes what was signed in an earlier life, or by another coordinator. @throws ForkedLog */
  async #adopt(note: string): Promise<void> {
    const { crypto, signer, store } = this.#net;
    if (note === this.#published.note) return;
    const opened = await openCheckpoint(crypto, note, this.#key);
    if (!opened) throw new ForkedLog("its last checkpoint was not signed by its key");
    const { size, root } = opened.checkpoint;
    if (size > store.size())
      throw new ForkedLog(`its last checkpoint counts ${size} entries and the database holds ${store.size()}`);
    if (!equalBytes(await this.#tree(size).root(), root))
      throw new ForkedLog("the database holds other entries than its last checkpoint was signed over");
    if (size < this.#published.size) return;
    if (note !== signer.kept()) signer.keep(note);
    this.#published = { size, note };
  }

  /** What another coordinator has published since. */
  async #follow(): Promise<void> {
    const note = await this.#net.head?.read();
    if (note === undefined || note === this.#published.note) return;
    await this.#net.store.refresh?.();
    await this.#adopt(note);
  }

  /** A checkpoint with every signature below it. */
  get checkpoint(): string {
    return this.#published.note;
  }

  get origin(): string {
    return this.#net.signer.origin;
  }

  get verifierKey(): string {
    return verifierKey(this.#net.crypto, this.#key);
  }

  get witnesses(): readonly string[] {
    return this.#net.witnesses.map((witness) => witness.verifierKey);
  }

  /** Facts of the operator's that may be taken down now. Whoever has more keeps them until these are added. */
  get room(): number {
    return LOG_FACTS_MAX - this.#operators.size;
  }

  /** Takes a fact down, once however often it comes. */
  add(entry: LogEntry): void {
    const bytes = entryBytes(entry);
    const name = fromUtf8(bytes);
    const facts = entry.kind === "provider_keys" ? this.#machines : this.#operators;
    facts.delete(name);
    facts.set(name, bytes);
    if (facts.size <= LOG_FACTS_MAX) return;
    if (facts === this.#operators) throw new RangeError("more facts of the operator's wait than there is room for");
    const [oldest] = facts.keys();
    if (oldest !== undefined) facts.delete(oldest);
    this.#dropped += 1;
  }

  /** Of what the published checkpoint counts. */
  async tile(tile: Tile): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const isPublished = () => tile.width <= widthAt(tile.level, tile.index, this.#published.size);
    // Whoever was shown a larger tree elsewhere asks for it here too.
    if (!isPublished()) await this.#follow();
    return isPublished() ? await this.#net.store.tile(tile) : undefined;
  }

  /** Undefined until the receipt is in the published tree. */
  async receipt(jobId: JobId): Promise<LoggedReceipt | undefined> {
    const proof = await this.#proofOf(await this.#net.store.indexOf(jobId));
    return proof === undefined ? undefined : { blind: toHex(this.#blindOf(jobId)), proof };
  }

  /**
   * That the published tree holds a fact, as a `tlog-proof@v1` file; undefined where it does not.
   *
   * @param leaf the hash under which a log holds the fact's entry
   */
  async fact(leaf: Uint8Array): Promise<string | undefined> {
    return this.#proofOf(await this.#net.store.indexOfFact(leaf));
  }

  async #proofOf(index: number | undefined): Promise<string | undefined> {
    const { size, note } = this.#published;
    if (index === undefined || index >= size) return undefined;
    return proofFile(index, await this.#tree(size).inclusionProof(index), note);
  }

  /** Adds what is new until the signal; what could not be added comes with the next step, and is told of once. */
  async run(over: AbortSignal): Promise<void> {
    let isFailing = false;
    while (!over.aborted) {
      try {
        await this.grow(over);
        isFailing = false;
      } catch (error) {
        if (!isFailing) this.#net.events.bug({ where: "background" }, error);
        isFailing = true;
      }
      await this.#net.clock.sleep(LOG_EVERY_MS, over).catch(() => undefined);
    }
  }

  /**
   * One step: what is new becomes entries, and a checkpoint over them is signed, kept, shown to the witnesses and published.
   *
   * @param over aborts when the witnesses are waited for no longer
   */
  async grow(over?: AbortSignal): Promise<void> {
    const { store, witnesses, events, head } = this.#net;
    const added = [...this.#operators, ...this.#machines];
    await store.append(
      added.map(([, bytes]) => bytes),
      (receipt) => this.#entryOf(receipt),
    );
    for (const [name] of added) {
      this.#operators.delete(name);
      this.#machines.delete(name);
    }
    if (this.#dropped > 0) events.logFactsDropped({ facts: this.#dropped });
    this.#dropped = 0;
    await this.#follow();
    if (head && !head.mayPublish()) return;
    const size = store.size();
    if (size > this.#published.size) await this.#publish(size, { witnesses, over });
  }

  async #publish(size: number, { witnesses, over }: Asked = { witnesses: [], over: undefined }): Promise<void> {
    const { crypto, signer, head: shared } = this.#net;
    const tree = this.#tree(size);
    const head = { origin: signer.origin, size, root: await tree.root() };
    const text = checkpointText(head);
    const note = signedCheckpoint(crypto, head, this.#key, (message) => signer.sign(message));
    signer.keep(note);
    const lines = await Promise.all(witnesses.map((witness) => this.#cosigned(witness, { text, note, tree, over })));
    const whole = note + lines.join("");
    if (whole !== note) signer.keep(whole);
    await shared?.write(size, whole);
    this.#published = { size, note: whole };
  }

  /** A witness's lines, where they are what they should be; nothing else is put under our name. */
  async #cosigned(witness: Witness, { text, note, tree, over }: Shown): Promise<string> {
    const { crypto } = this.#net;
    const said = await witness
      .cosign(note, tree.size, (earlier) => tree.consistencyProof(earlier), over)
      .catch(() => undefined);
    const lines = said ?? "";
    const signatures = readSignatureLines(lines);
    const key = readVerifierKey(crypto, witness.verifierKey);
    const at = signatures && key && (await cosignedAtSec(crypto, { text, signatures }, key));
    return at === undefined ? "" : lines;
  }

  #tree(size: number): Tree {
    const { crypto, store } = this.#net;
    const readTile = async (tile: Tile) => (await store.tile(tile)) ?? new Uint8Array();
    return new Tree(crypto, size, hashesOf(crypto, size, readTile));
  }

  #entryOf({ jobId, sha256 }: UnloggedReceipt): Uint8Array {
    return entryBytes(receiptEntry(this.#net.crypto, sha256, this.#blindOf(jobId)));
  }

  #blindOf(jobId: JobId): Uint8Array {
    return this.#net.networkKey.mac(utf8(BLIND_TAG + jobId));
  }
}

const keyOf = ({ origin, publicKey }: LogSigner): NoteKey => ({
  name: origin,
  type: signatureTypes.ed25519,
  publicKey,
});
