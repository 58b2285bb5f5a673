import { toHex } from "@darkbloom/protocol/bytes";
import type { CoordinatorId } from "@darkbloom/protocol/ids";
import type { Random } from "@darkbloom/protocol/ports";
import { NatsBus } from "./adapters/nats-bus.ts";
import { addressOf } from "./adapters/nats-address.ts";
import { Cluster, type ClusterNet } from "./cluster/cluster.ts";
import type { DecisionMade } from "./cluster/decisions.ts";

/** What a coordinator has of the others of its network. */
export interface JoinedCluster extends AsyncDisposable {
  /** Whether the bus is there. */
  readonly isUp: boolean;
  /** How many others are heard. */
  readonly peers: number;
  /** The operator has decided on a machine here. */
  readonly decided: (decision: DecisionMade) => void;
}

/**
 * Finds the other coordinators of this network over NATS, for as long as its scope lasts. Loaded only where it is asked for.
 *
 * @param url as `readNatsUrl` takes it
 */
export async function joinCluster(
  net: Omit<ClusterNet, "bus"> & { readonly random: Random },
  url: string,
  failed: (error: unknown) => void,
): Promise<JoinedCluster> {
  await using opening = new AsyncDisposableStack();
  const bus = opening.use(await NatsBus.open(addressOf(url), failed));
  const cluster = opening.use(new Cluster({ ...net, bus }, `coord_${toHex(net.random.bytes(16))}` as CoordinatorId));
  const opened = opening.move();
  return {
    get isUp() {
      return cluster.isUp;
    },
    get peers() {
      return cluster.peers;
    },
    decided: (decision) => cluster.decided(decision),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
