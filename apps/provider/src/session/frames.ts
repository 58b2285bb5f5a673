import { fromCoordinator, type FromCoordinator } from "@darkbloom/protocol/wire";
import type { TrustFacts } from "../events/events.ts";

/** What a coordinator says; undefined where it is not one of the frames that we know. */
export function readFrame(text: string): FromCoordinator | undefined {
  try {
    return fromCoordinator.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

type TrustStatus = Extract<FromCoordinator, { type: "trust_status" }>;

export const trustFactsOf = ({ trust_level: trustLevel, eligible, checks, owner }: TrustStatus): TrustFacts => ({
  trustLevel,
  eligible,
  checks,
  owner,
});
