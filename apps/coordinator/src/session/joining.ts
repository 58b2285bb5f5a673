import type { Verdict } from "@darkbloom/protocol/evidence";
import type { ProviderId } from "@darkbloom/protocol/ids";
import type { MachineEvidence } from "./machine-evidence.ts";
import type { Shown } from "./shown.ts";

/** A machine as it has registered. */
export interface Joining {
  readonly providerId: ProviderId;
  readonly slots: number;
  readonly evidence: MachineEvidence;
  readonly shown: Shown;
  readonly verdict: Verdict;
}
