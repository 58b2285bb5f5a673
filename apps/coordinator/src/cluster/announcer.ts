import type { ProviderId } from "@darkbloom/protocol/ids";
import type { Clock } from "@darkbloom/protocol/ports";
import type { Fleet } from "../machines/fleet.ts";
import type { MachineView, Member } from "../machines/ports.ts";
import { loadWords, restWords } from "./machine-words.ts";
import type { LoadWords, MachineWords, WholeMachineWords } from "./words.ts";

/** A machine of this coordinator, as it was last told of. */
interface Told {
  readonly member: Member;
  readonly view: MachineView;
}

/** What the others know of this coordinator's own machines, and what has changed since. */
export class Announcer {
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  readonly #elsewhere: (identityKey: string) => number;
  readonly #told = new Map<ProviderId, Told>();
  readonly #generations = new WeakMap<Member, number>();
  #isDraining = false;
  /** Counts what was told: who has missed something asks for all of it. */
  version = 0;

  /** @param elsewhere the highest generation of an identity key that another coordinator has told of */
  constructor(fleet: Fleet, clock: Clock, elsewhere: (identityKey: string) => number) {
    this.#fleet = fleet;
    this.#clock = clock;
    this.#elsewhere = elsewhere;
  }

  /**
   * How often the machine's key had come to another home, and this one, when it came here; 0 where it has not shown that it has the
   * key. The newest connection has the highest, as far as its home knew the others.
   */
  generationOf(member: Member): number {
    const known = this.#generations.get(member);
    if (known !== undefined || !this.#fleet.isRecognised(member)) return known ?? 0;
    const generation = this.#elsewhere(member.view.identityKey) + 1;
    this.#generations.set(member, generation);
    return generation;
  }

  /** From now on none of them takes anything from elsewhere, whatever it says of itself. */
  drain(): void {
    this.#isDraining = true;
    this.#told.clear();
  }

  /** All that is new since it was asked last; what is told is known from then on. */
  news(): { readonly machines: MachineWords[]; readonly left: ProviderId[] } | undefined {
    const machines: MachineWords[] = [];
    const here = new Set<ProviderId>();
    for (const member of this.#fleet.members()) {
      const { view } = member;
      if (view.far) continue;
      here.add(member.providerId);
      const before = this.#told.get(member.providerId)?.view;
      if (before === view) continue;
      machines.push(before && isLoadAlone(before, view) ? this.#loadAlone(member) : this.whole(member));
      this.#told.set(member.providerId, { member, view });
    }
    const left: ProviderId[] = [];
    for (const providerId of this.#told.keys()) if (!here.has(providerId)) left.push(providerId);
    for (const providerId of left) this.#told.delete(providerId);
    if (machines.length === 0 && left.length === 0) return undefined;
    this.version++;
    return { machines, left };
  }

  /** All of them, as they are now. */
  all(): WholeMachineWords[] {
    const machines: WholeMachineWords[] = [];
    for (const member of this.#fleet.members()) if (!member.view.far) machines.push(this.whole(member));
    return machines;
  }

  whole(member: Member): WholeMachineWords {
    const nowMs = this.#clock.monotonicMs();
    const { view, providerId } = member;
    const of = { generation: this.generationOf(member), sharedMs: member.now() };
    const rest = restWords(view, member.published(), of, nowMs);
    return { providerId, load: this.#load(view), rest };
  }

  #loadAlone({ view, providerId }: Member): MachineWords {
    return { providerId, load: this.#load(view) };
  }

  #load(view: MachineView): LoadWords {
    const load = loadWords(view, this.#clock.monotonicMs());
    return this.#isDraining ? { ...load, draining: true } : load;
  }
}

/** What differs is what changes with each request. A session keeps the objects of what has not changed. */
const isLoadAlone = (one: MachineView, other: MachineView): boolean =>
  one.evidenceSha256 === other.evidenceSha256 &&
  one.verdict === other.verdict &&
  one.openers === other.openers &&
  one.failing === other.failing &&
  one.attestedUntilMs === other.attestedUntilMs &&
  one.distrustedUntilMs === other.distrustedUntilMs &&
  one.approval === other.approval;
