import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import type { Hpke } from "@darkbloom/protocol/sealing";
import type { Catalog } from "../catalog/catalog.ts";
import type { Events } from "../events/events.ts";
import type { Fleet } from "../machines/fleet.ts";
import type { Ledger } from "../ledger/port.ts";
import type { RatedKeys } from "../limits/key-rates.ts";
import type { Unopened } from "../limits/unopened.ts";
import type { Slots } from "../machines/slots.ts";
import type { Countersigner } from "./countersigner.ts";

/** What serving a request needs. Built once at start; tests pass simulated parts. */
export interface Net {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly hpke: Hpke;
  readonly catalog: Catalog;
  readonly ledger: Ledger;
  readonly fleet: Fleet;
  readonly slots: Slots;
  readonly unopened: Unopened;
  readonly ratedKeys: RatedKeys;
  readonly countersigner: Countersigner;
  readonly events: Events;
  /** Of each charge, what the provider does not earn: a whole number from 0 to 100. */
  readonly platformFeePercent: number;
}
