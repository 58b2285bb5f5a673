import type { Verdict } from "@darkbloom/protocol/evidence";
import type { ProviderId } from "@darkbloom/protocol/ids";
import type { Hpke } from "@darkbloom/protocol/sealing";
import type { Deadlines } from "@darkbloom/protocol/time";
import type { Events } from "../../events/events.ts";
import type { Fleet } from "../fleet.ts";
import type { MachineRecords } from "../records/records.ts";
import type { Approvals } from "../trust/approvals.ts";
import type { EvidenceNet, MachineEvidence } from "../trust/machine-evidence.ts";
import type { SerialNames } from "../trust/serial-names.ts";
import type { Floor } from "../trust/serving.ts";
import type { Shown } from "../trust/shown.ts";

/** What hosting a provider needs from outside. */
export interface SessionNet extends EvidenceNet {
  readonly hpke: Hpke;
  readonly fleet: Fleet;
  readonly deadlines: Deadlines;
  readonly records: MachineRecords;
  readonly approvals: Pick<Approvals, "of">;
  readonly floor: Floor;
  readonly events: Events;
  readonly serials: SerialNames;
  /** Whether this peer may join: by what it shows, or because it comes from this machine. */
  readonly mayJoin: (authToken: string | undefined, isLocal: boolean) => boolean;
  /** Told of the keys of a machine that passed a challenge, each time that it did. */
  readonly keysShown?: (shown: Shown) => void;
}

/** Who knocks, as far as the edge can tell. */
export interface Arrival {
  readonly isLocal: boolean;
  /** Where strangers are counted. */
  readonly bucket: string;
}

/** A machine as it has registered. */
export interface Joining {
  readonly providerId: ProviderId;
  readonly evidence: MachineEvidence;
  readonly shown: Shown;
  readonly verdict: Verdict;
}
