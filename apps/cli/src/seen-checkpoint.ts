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
  constructor(file: string, key: NoteKey) {
    this.#file = file;
    try {
      this.#target = exists(file) ? realpathSync(file) : file;
      accessSync(dirname(this.#target), constants.W_OK);
      this.checkpoint = exists(this.#target) ? seenIn(file, key) : undefined;
    } catch (error) {
      throw error instanceof CommandFailed ? error : this.#failed(error);
    }
  }

  /** Whole, or not at all. @throws CommandFailed */
  keep(text: string): void {
    const draft = `${this.#target}.${process.pid}.draft`;
    try {
      writeFileSync(draft, text, { flag: "wx", flush: true });
      renameSync(draft, this.#target);
    } catch (error) {
      rmSync(draft, { force: true });
      throw this.#failed(error);
    }
  }

  #failed(error: unknown): CommandFailed {
    return new CommandFailed(
      `No checkpoint can be kept in ${this.#file} (${codeOf(error) ?? "unknown error"}). Check the folder and its disk, or name another file with --checkpoint.`,
    );
  }
}

const exists = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

function seenIn(file: string, key: NoteKey): Checkpoint {
  // A pipe in its place would be waited for.
  const isFile = lstatSync(realpathSync(file)).isFile();
  const opened = isFile ? openCheckpoint(nodeCrypto, readFileSync(file, "utf8"), key) : undefined;
  if (opened) return opened.checkpoint;
  throw new CommandFailed(
    `${file} holds no checkpoint that this log's key signed. If the log began anew, ask its operator why; then move the file away.`,
  );
}
