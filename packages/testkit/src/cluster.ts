import { Changes, Cluster, MemoryBus, MemoryLedger, Notices, SlotTurns } from "@darkbloom/coordinator/testing";
import { toHex } from "@darkbloom/protocol/bytes";
import type { CoordinatorId } from "@darkbloom/protocol/ids";
import { account, CREDIT, entry, NETWORK_KEY, seededRandom, TestNetwork, type Shared } from "./network.ts";
import { SimulatedClock } from "./simulated-clock.ts";

/** A coordinator of several, with its way to the others. */
export interface TestCoordinator {
  readonly network: TestNetwork;
  readonly cluster: Cluster;
  readonly notices: Notices;
  readonly changes: Changes;
  /** Its connection to the bus is cut, or mended. */
  reach(isUp: boolean): void;
  /** It is gone from one moment to the next: nobody hears of it, and nobody is heard by it. */
  kill(): void;
}

/** Coordinators of one network in one process, each with its own fleet, over a simulated bus; with one clock and one ledger. */
export class TestCluster {
  readonly clock = new SimulatedClock();
  readonly ledger = new MemoryLedger();
  readonly hub: MemoryBus;
  readonly all: readonly TestCoordinator[];

  constructor(seed = 1, size = 3) {
    this.hub = new MemoryBus(this.clock, seededRandom(seed * 31 + 7));
    this.all = Array.from({ length: size }, (_, n) => this.#coordinator(seed * 1_000 + n));
  }

  /** One of them. */
  at(n: number): TestCoordinator {
    const one = this.all[n];
    if (!one) throw new RangeError(`there are ${this.all.length} coordinators`);
    return one;
  }

  async credit(amount = CREDIT): Promise<void> {
    await this.ledger.credit("credit_1", account, amount, this.clock.now());
  }

  /** What each of its coordinators is given. */
  get shared(): Shared & { readonly turns: SlotTurns } {
    return { clock: this.clock, ledger: this.ledger, turns: new SlotTurns(this.clock) };
  }

  #coordinator(seed: number): TestCoordinator {
    const { shared } = this;
    return this.join(new TestNetwork(seed, "serial", entry, [], shared), shared.turns);
  }

  /** One more, with the turns that its network was given. */
  join(network: TestNetwork, turns: SlotTurns): TestCoordinator {
    const bus = this.hub.connect();
    const [notices, changes] = [new Notices(), new Changes()];
    const { sessionNet, net } = network.core;
    const id = `coord_${toHex(network.random.bytes(16))}` as CoordinatorId;
    const approvals = {
      decided: (decision: Parameters<typeof network.approvals.decided>[0]) => network.approvals.decided(decision),
    };
    const ours = { ...sessionNet, slots: net.slots, turns, approvals, bus, networkKey: NETWORK_KEY, notices, changes };
    const cluster = new Cluster(ours, id);
    const reach = (isUp: boolean) => this.hub.set(bus, isUp);
    const kill = () => {
      reach(false);
      cluster[Symbol.dispose]();
    };
    return { network, cluster, notices, changes, reach, kill };
  }
}
