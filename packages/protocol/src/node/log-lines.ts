import { writeSync } from "node:fs";

/** What waits for a log that takes nothing now; further lines are lost, and counted. */
export const LOG_WAITING_BYTES_MAX = 1024 * 1024;
/** What a log did not take is tried again this often, until it is taken. */
export const LOG_RETRY_MS = 250;

const STANDARD_ERROR = 2;

/**
 * Log lines to standard error, without which a program serves on: what a full disk, a closed pipe or a reader that stands
 * still does not take waits, up to a bound. Where lines were lost, a line says how many as soon as some are taken again.
 */
export class LogLines {
  readonly #put: (bytes: Uint8Array) => number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #retry: NodeJS.Timeout | undefined;
  readonly #atExit = (): void => this.#takeAll();

  /** @param put takes what it can now and says how many bytes that was, or throws; it must not wait */
  constructor(put: (bytes: Uint8Array) => number = (bytes) => writeSync(STANDARD_ERROR, bytes)) {
    this.#put = put;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > LOG_WAITING_BYTES_MAX) {
      this.#lost++;
      return;
    }
    this.#keep(bytes);
    // While one is waited for, the timer asks; a log that takes nothing costs no call for each line.
    if (this.#retry === undefined) this.#write();
  }

  #write(): void {
    this.#takeAll();
    const isAllTaken = this.#waiting.length === 0;
    if (isAllTaken === (this.#retry === undefined)) return;
    if (isAllTaken) {
      clearInterval(this.#retry);
      this.#retry = undefined;
      process.off("exit", this.#atExit);
    } else {
      this.#retry = setInterval(() => this.#write(), LOG_RETRY_MS).unref();
      process.once("exit", this.#atExit);
    }
  }

  #takeAll(): void {
    let taken = 0;
    try {
      for (; taken < this.#waiting.length; taken++) {
        const line = this.#waiting[taken] ?? new Uint8Array();
        const bytes = this.#put(line);
        this.#waitingBytes -= bytes;
        if (bytes < line.length) {
          this.#waiting[taken] = line.subarray(bytes);
          break;
        }
      }
    } catch {
      // What was not taken waits.
    }
    this.#waiting.splice(0, taken);
    if (this.#waiting.length > 0 || this.#lost === 0) return;
    const lost = { level: 40, time: Date.now(), event: "log_lines_lost", lines: this.#lost };
    this.#lost = 0;
    this.#keep(Buffer.from(`${JSON.stringify(lost)}\n`));
    this.#takeAll();
  }

  #keep(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }
}
