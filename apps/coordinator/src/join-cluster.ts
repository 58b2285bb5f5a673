import { toHex } from "@darkbloom/protocol/bytes";
import type { CoordinatorId } from "@darkbloom/protocol/ids";
import type { Random } from "@darkbloom/protocol/ports";
import { within } from "@darkbloom/protocol/time";
import { NatsBus } from "./adapters/nats-bus.ts";
import { addressOf } from "./adapters/nats-address.ts";
import type { Bus } from "./cluster/bus.ts";
import { Cluster, type ClusterNet } from "./cluster/cluster.ts";
import type { DecisionMade } from "./cluster/decisions.ts";

/** A coordinator that starts waits so long for the others' first words, and no longer in all where there is no bus. */
const FIRST_WORDS_MS = 300;
const JOIN_WAIT_MS_MAX = 2_000;

/** What a coordinator has of the others of its network. */
export interface JoinedCluster extends AsyncDisposable {
  /** Whether the bus is there. */
  readonly isUp: boolean;
  /** How many others are heard. */
  readonly peers: number;
  /** Resolves once nobody elsewhere waits for a machine of this coordinator, which takes nothing more from there. */
  readonly drained: () => Promise<void>;
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
  // Its first callers are to find the machines of the others.
  await within(
    net.clock,
    JOIN_WAIT_MS_MAX,
    up(bus).then(() => net.clock.sleep(FIRST_WORDS_MS)),
  );
  const opened = opening.move();
  return {
    get isUp() {
      return cluster.isUp;
    },
    get peers() {
      return cluster.peers;
    },
    drained: () => cluster.drained(),
    decided: (decision) => cluster.decided(decision),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function up(bus: Bus): Promise<void> {
  if (bus.isUp) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  using _watch = bus.watch(() => resolve());
  await promise;
}
