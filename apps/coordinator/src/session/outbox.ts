import type { FromCoordinator } from "@darkbloom/protocol";
import type { Wire } from "./wire.ts";

/** A body is handed to the socket only while less than this waits there, so that a cancel or a challenge behind it is soon sent. */
export const PROVIDER_BUFFERED_BYTES_MAX = 1024 * 1024;
/** Bodies that may wait for one provider; above the slots of any machine, so only a fault reaches it. */
export const BODIES_WAITING_MAX = 1024;

/**
 * What goes out to one provider. Control frames are handed to the socket at once; bodies wait while it
 * is full. `flush` is called when the socket has written something.
 */
export class Outbox {
  readonly #wire: Wire;
  readonly #bodies: { readonly text: string; readonly wanted: () => boolean }[] = [];

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  control(message: FromCoordinator): void {
    this.#wire.send(JSON.stringify(message));
  }

  /** @returns false if too many wait already. @param wanted asked again when its turn comes */
  body(message: FromCoordinator, wanted: () => boolean): boolean {
    if (this.#bodies.length >= BODIES_WAITING_MAX) return false;
    this.#bodies.push({ text: JSON.stringify(message), wanted });
    this.flush();
    return true;
  }

  flush(): void {
    while (this.#bodies.length > 0 && this.#wire.bufferedBytes < PROVIDER_BUFFERED_BYTES_MAX) {
      const next = this.#bodies.shift();
      if (next?.wanted()) this.#wire.send(next.text);
    }
  }
}
