import type { CoordinatorId } from "@darkbloom/protocol/ids";
import type { Clock, Crypto } from "@darkbloom/protocol/ports";
import type { Hpke } from "@darkbloom/protocol/sealing";
import type { Fleet } from "../machines/fleet.ts";
import type { Member } from "../machines/ports.ts";
import type { Floor } from "../machines/trust/serving.ts";
import type { MachineRecords } from "../machines/records/records.ts";
import { distrustedFor, freshStanding } from "../machines/records/standing.ts";
import type { Announcer } from "./announcer.ts";
import { FarMember, type FarNet } from "./far-member.ts";
import type { Peer } from "./peer.ts";
import { FAR_MACHINES_MAX, type MachineWords, type Of } from "./words.ts";

export interface FarFleetNet {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly hpke: Hpke;
  readonly floor: Floor;
  readonly fleet: Fleet;
  readonly records: MachineRecords;
}

/** A fleet that is being told, in several messages. */
interface Telling {
  readonly fleet: number;
  readonly machines: MachineWords[];
}

/** Machines of other coordinators as members of the fleet here, by what their homes tell. */
export class FarFleet {
  readonly #net: FarFleetNet;
  readonly #self: CoordinatorId;
  readonly #announcer: Announcer;
  readonly #farNet: FarNet;
  readonly #tellings = new Map<Peer, Telling>();

  constructor(net: FarFleetNet, self: CoordinatorId, announcer: Announcer) {
    const { fleet, records } = net;
    this.#net = net;
    this.#self = self;
    this.#announcer = announcer;
    this.#farNet = {
      ...net,
      changed: (machine) => fleet.changed(machine),
      distrusted: (machine) => {
        records.judged(machine.view.machineId, distrustedFor(freshStanding, "answer"));
        fleet.distrust(machine);
      },
    };
  }

  /** Where something was told before that has not come, all of it is asked for with the next beat. @returns whether it could be understood */
  changed(peer: Peer, { fleet, machines, left }: Of<"changed">): boolean {
    if (peer.fleetVersion === undefined || fleet !== peer.fleetVersion + 1) {
      // What is older is known.
      if (peer.fleetVersion !== undefined && fleet > peer.fleetVersion) peer.fleetVersion = undefined;
      return true;
    }
    peer.fleetVersion = fleet;
    for (const providerId of left) peer.forget(providerId);
    return this.#host(peer, machines);
  }

  /** @returns whether it could be understood */
  told(peer: Peer, { fleet, at, total, machines }: Of<"state">): boolean {
    let telling = this.#tellings.get(peer);
    if (at === 0) this.#tellings.set(peer, (telling = { fleet, machines: [] }));
    if (!telling || telling.fleet !== fleet || telling.machines.length !== at) return true;
    for (const machine of machines) telling.machines.push(machine);
    if (telling.machines.length < total) return true;
    this.#tellings.delete(peer);
    // One that was asked for earlier, and was overtaken.
    if (peer.fleetVersion !== undefined && fleet < peer.fleetVersion) return true;
    peer.fleetVersion = fleet;
    const here = new Set(telling.machines.map(({ providerId }) => providerId));
    for (const providerId of peer.hosted.keys()) if (!here.has(providerId)) peer.forget(providerId);
    return this.#host(peer, telling.machines);
  }

  /** The highest that another coordinator has told of this key; 0 where none has. */
  generationOf(identityKey: string, peers: Iterable<Peer>): number {
    let highest = 0;
    for (const { hosted } of peers)
      for (const { machine } of hosted.values())
        if (machine.view.identityKey === identityKey) highest = Math.max(highest, machine.generation);
    return highest;
  }

  /** It is gone, in the middle of what it may have been telling. */
  forget(peer: Peer): void {
    this.#tellings.delete(peer);
  }

  #host(peer: Peer, machines: readonly MachineWords[]): boolean {
    let areAllKnown = true;
    for (const told of machines) {
      const { providerId } = told;
      const known = peer.hosted.get(providerId);
      known?.machine.become(told, peer.pendingOf(known.machine));
      const machine = known?.machine ?? FarMember.from(this.#farNet, peer, told);
      if (!machine || (!known && peer.hosted.size >= FAR_MACHINES_MAX)) {
        areAllKnown = false;
        continue;
      }
      const hosted = known ?? { machine, joined: undefined };
      peer.hosted.set(providerId, hosted);
      // What changes with each request makes nobody newer.
      if (hosted.joined && !told.rest) continue;
      if (this.#isNewest(machine)) hosted.joined ??= this.#net.fleet.join(machine);
      else peer.leave(machine);
    }
    return areAllKnown;
  }

  /** One machine has one home: where its identity key came last. Its older connections end, wherever they are. */
  #isNewest(machine: FarMember): boolean {
    if (machine.generation === 0) return true;
    const { identityKey } = machine.view;
    let isNewest = true;
    for (const other of this.#net.fleet.members()) {
      if (other === machine || other.view.identityKey !== identityKey) continue;
      const generation = other instanceof FarMember ? other.generation : this.#announcer.generationOf(other);
      if (generation === 0) continue;
      const isOlder =
        generation < machine.generation || (generation === machine.generation && this.#homeOf(other) < machine.home.id);
      if (isOlder) other.replaced();
      else isNewest = false;
    }
    return isNewest;
  }

  #homeOf(member: Member): CoordinatorId {
    return member.view.far?.home ?? this.#self;
  }
}
