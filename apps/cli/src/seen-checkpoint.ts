import {
  accessSync,
  constants,
  lstatSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { openCheckpoint, type Checkpoint, type NoteKey } from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { codeOf, CommandFailed } from "./failure.ts";

/** The file in which a reader of a log keeps the checkpoint that they saw last. */
export class SeenCheckpoint {
  readonly #file: string;
  /** What a link leads to: it stays one. */
  readonly #target: string;
  /** Undefined at the first sight. */
  readonly checkpoint: Checkpoint | undefined;

  /**
   * @throws CommandFailed where it holds no checkpoint of this log, and where none could be kept in it: before anything is read
   * that takes long
   */
  static async in(file: string, key: NoteKey): Promise<SeenCheckpoint> {
    try {
      const target = exists(file) ? realpathSync(file) : file;
      accessSync(dirname(target), constants.W_OK);
      return new SeenCheckpoint(file, target, exists(target) ? await seenIn(file, key) : undefined);
    } catch (error) {
      throw error instanceof CommandFailed ? error : notKept(file, error);
    }
  }

  private constructor(file: string, target: string, checkpoint: Checkpoint | undefined) {
    this.#file = file;
    this.#target = target;
    this.checkpoint = checkpoint;
  }

  /** Whole, or not at all. @throws CommandFailed */
  keep(text: string): void {
    const draft = `${this.#target}.${process.pid}.draft`;
    try {
      writeFileSync(draft, text, { flag: "wx", flush: true });
      renameSync(draft, this.#target);
    } catch (error) {
      rmSync(draft, { force: true });
      throw notKept(this.#file, error);
    }
  }
}

const notKept = (file: string, error: unknown): CommandFailed =>
  new CommandFailed(
    `No checkpoint can be kept in ${file} (${codeOf(error) ?? "unknown error"}). Check the folder and its disk, or name another file with --checkpoint.`,
  );

const exists = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

async function seenIn(file: string, key: NoteKey): Promise<Checkpoint> {
  // A pipe in its place would be waited for.
  const isFile = lstatSync(realpathSync(file)).isFile();
  const opened = isFile ? await openCheckpoint(nodeCrypto, readFileSync(file, "utf8"), key) : undefined;
  if (opened) return opened.checkpoint;
  throw new CommandFailed(
    `${file} holds no checkpoint that this log's key signed. If the log began anew, ask its operator why; then move the file away.`,
  );
}
