import type { Verification } from "@darkbloom/client";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ANSWERS_KEPT_MAX, ANSWERS_TOLD_MAX } from "./limits.ts";

const OWN_FILE = /^(\d{15})-[\w-]{1,128}\.json$/;
const OWN_DRAFT = /^\.\d{15}-[\w-]{1,128}\.json\.draft$/;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

export interface Counted {
  readonly verified: number;
  readonly refused: number;
  readonly failed: number;
  readonly left: number;
}

/**
 * What was checked of each answer: the newest in memory, and of those that have a receipt a file each. None of it holds a word of
 * what was asked or answered.
 */
export class Records {
  readonly #folder: string;
  readonly #now: () => number;
  readonly #recent: Verification[] = [];
  readonly #files: string[];
  #counted = { verified: 0, refused: 0, failed: 0, left: 0 };
  /** One file after the other. */
  #writing: Promise<void> = Promise.resolve();
  #unwritten = 0;

  /** @param folder of the proxy's own */
  constructor(folder: string, now: () => number) {
    this.#folder = join(folder, "answers");
    this.#now = now;
    mkdirSync(this.#folder, { recursive: true, mode: FOLDER_MODE });
    const names = readdirSync(this.#folder);
    // Of a life that ended in the middle of writing.
    for (const name of names) if (OWN_DRAFT.test(name)) rmSync(join(this.#folder, name), { force: true });
    this.#files = names.filter((name) => OWN_FILE.test(name)).toSorted();
  }

  get recent(): readonly Verification[] {
    return this.#recent;
  }
  get counted(): Counted {
    return this.#counted;
  }
  /** Files that could not be written, on a full disk for one. */
  get unwritten(): number {
    return this.#unwritten;
  }

  add(verification: Verification): void {
    this.#counted = { ...this.#counted, [verification.outcome]: this.#counted[verification.outcome] + 1 };
    this.#recent.unshift(verification);
    this.#recent.splice(ANSWERS_TOLD_MAX);
    this.#keep(verification);
  }

  /** More is known of one that was added: its receipt came later. */
  complete(before: Verification, now: Verification): void {
    const at = this.#recent.indexOf(before);
    if (at >= 0) this.#recent[at] = now;
    this.#keep(now);
  }

  /** Resolves once everything that was told is in its file. */
  written(): Promise<void> {
    return this.#writing;
  }

  #keep(verification: Verification): void {
    const { receipt, jobId } = verification;
    if (!receipt || jobId === undefined || !/^[\w-]{1,128}$/.test(jobId)) return;
    const name = `${String(this.#now()).padStart(15, "0")}-${jobId}.json`;
    this.#writing = this.#writing
      .then(() => this.#write(name, `${JSON.stringify(verification, null, 2)}\n`))
      .catch(() => void (this.#unwritten += 1));
  }

  /** Whole, or not at all. */
  async #write(name: string, text: string): Promise<void> {
    const draft = join(this.#folder, `.${name}.draft`);
    await writeFile(draft, text, { mode: FILE_MODE });
    await rename(draft, join(this.#folder, name));
    this.#files.push(name);
    while (this.#files.length > ANSWERS_KEPT_MAX)
      await rm(join(this.#folder, this.#files.shift() ?? ""), { force: true });
  }
}
