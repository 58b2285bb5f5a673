import { NEWCOMERS_PER_ADDRESS_MAX } from "../limits/descriptors.ts";

interface Newcomer {
  readonly bucket: string;
  readonly end: () => void;
}

/**
 * Connections that have not registered. One too many, of all or of one address, ends the one that has waited longest:
 * a provider registers at once, so a crowd that never does shuts no provider out.
 */
export class Newcomers {
  readonly #max: number;
  /** The one that waits longest first. */
  readonly #waiting = new Set<Newcomer>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Until it is disposed of: it has registered, or is gone. @param end ends its connection */
  add(bucket: string, end: () => void): Disposable {
    const newcomer = { bucket, end };
    this.#waiting.add(newcomer);
    const sameAddress = [...this.#waiting].filter((other) => other.bucket === bucket);
    if (sameAddress.length > NEWCOMERS_PER_ADDRESS_MAX) this.#end(sameAddress[0]);
    else if (this.#waiting.size > this.#max) this.#end(this.#ofTheLargestCrowd());
    return { [Symbol.dispose]: () => void this.#waiting.delete(newcomer) };
  }

  /** The one that waits longest, of the address with most of them. */
  #ofTheLargestCrowd(): Newcomer | undefined {
    const crowds = [...Map.groupBy(this.#waiting, ({ bucket }) => bucket).values()];
    return crowds.reduce((largest, crowd) => (crowd.length > largest.length ? crowd : largest), [])[0];
  }

  #end(newcomer: Newcomer | undefined): void {
    if (!newcomer) return;
    this.#waiting.delete(newcomer);
    newcomer.end();
  }
}
