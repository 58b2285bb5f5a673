import type { Hpke } from "@darkbloom/protocol/sealing";
import type { Deadlines } from "@darkbloom/protocol/time";
import type { Events } from "../../events/events.ts";
import type { Fleet } from "../fleet.ts";
import type { TrustNet } from "../trust/machine-trust.ts";
import type { SerialNames } from "../trust/serial-names.ts";

/** What hosting a provider needs from outside. */
export interface SessionNet extends TrustNet {
  readonly hpke: Hpke;
  readonly fleet: Fleet;
  readonly deadlines: Deadlines;
  /** Does it at the end of this turn of the loop. */
  readonly defer: (act: () => void) => void;
  readonly events: Events;
  readonly serials: SerialNames;
  /** Whether this peer may join: by what it shows, or because it comes from this machine. */
  readonly mayJoin: (authToken: string | undefined, isLocal: boolean) => boolean;
}

/** Who knocks, as far as the edge can tell. */
export interface Arrival {
  readonly isLocal: boolean;
  /** Where strangers are counted. */
  readonly bucket: string;
}
