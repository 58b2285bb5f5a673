import type { Clock, Random } from "@darkbloom/protocol/ports";
import { BUS_PAYLOAD_BYTES_MAX, type Bus } from "../cluster/bus.ts";

/** After how long each copy of a message arrives, in ms: of one that is lost there is none. */
export type Fate = (random: Random, payload: Uint8Array) => readonly number[];

interface Connection {
  isUp: boolean;
  readonly subscribed: Map<string, Set<(payload: Uint8Array) => void>>;
  readonly watchers: Set<(isUp: boolean) => void>;
}

/**
 * A bus in this process. It keeps what the port promises, unless its fate is told to be worse than that: then messages are lost, come late,
 * twice or in another order.
 */
export class MemoryBus {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #connections = new Map<Bus, Connection>();
  /** What every message meets. */
  fate: Fate = () => [0];
  /** All that was ever published, for whoever listens to everything. */
  overheard: ((subject: string, payload: Uint8Array) => void) | undefined;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  connect(): Bus {
    const own: Connection = { isUp: true, subscribed: new Map(), watchers: new Set() };
    const bus: Bus = {
      get isUp() {
        return own.isUp;
      },
      payloadBytesMax: BUS_PAYLOAD_BYTES_MAX,
      publish: (subject, payload) => {
        if (payload.length > BUS_PAYLOAD_BYTES_MAX) throw new RangeError("the payload is too long");
        if (own.isUp) this.#publish(own, subject, payload.slice());
      },
      subscribe: (subject, hear) => {
        const hearers = own.subscribed.get(subject) ?? new Set();
        own.subscribed.set(subject, hearers.add(hear));
        return { [Symbol.dispose]: () => void hearers.delete(hear) };
      },
      watch: (changed) => {
        own.watchers.add(changed);
        return { [Symbol.dispose]: () => void own.watchers.delete(changed) };
      },
    };
    this.#connections.set(bus, own);
    return bus;
  }

  /** From now on this one hears nothing and is not heard, or it is and does. */
  set(bus: Bus, isUp: boolean): void {
    const own = this.#connections.get(bus);
    if (!own || own.isUp === isUp) return;
    own.isUp = isUp;
    for (const changed of own.watchers) changed(isUp);
  }

  #publish(from: Connection, subject: string, payload: Uint8Array): void {
    this.overheard?.(subject, payload);
    for (const to of this.#connections.values()) {
      if (to === from) continue;
      for (const hear of to.subscribed.get(subject) ?? [])
        for (const delayMs of this.fate(this.#random, payload)) {
          const deliver = () => {
            if (to.isUp && to.subscribed.get(subject)?.has(hear) === true) hear(payload);
          };
          if (delayMs === 0) queueMicrotask(deliver);
          else void this.#clock.sleep(delayMs).then(deliver);
        }
    }
  }
}
