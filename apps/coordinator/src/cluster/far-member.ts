import type { CoordinatorId, JobId, ProviderId } from "@darkbloom/protocol/ids";
import type { Clock, Crypto } from "@darkbloom/protocol/ports";
import type { Hpke } from "@darkbloom/protocol/sealing";
import type { Evidence } from "@darkbloom/protocol/evidence";
import { SealingContext } from "../machines/connection/sealing-context.ts";
import { Course } from "../machines/trust/course.ts";
import type { Floor } from "../machines/trust/serving.ts";
import type { Line, MachineCourse, MachineView, Member, PublishedMachine, Sealing } from "../machines/ports.ts";
import type { ShownBlob } from "../machines/trust/shown.ts";
import { describedFrom, evidenceOf, loadFrom, type Described } from "./machine-words.ts";
import type { LoadWords, MachineWords, RestWords } from "./words.ts";

/** Of a machine's home, as the machine needs it. */
export interface Home {
  readonly id: CoordinatorId;
  /** As it was measured lately. */
  readonly roundTripMs: number;
  reserve(machine: FarMember, jobId: JobId): Promise<Line | "full">;
  prove(machine: FarMember, nonce: Uint8Array): Promise<PublishedMachine>;
  /** It is no member here any more: another home has it, or this coordinator itself. */
  leave(machine: FarMember): void;
}

export interface FarNet {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly hpke: Hpke;
  readonly floor: Floor;
  /** This machine looks otherwise. */
  readonly changed: (machine: FarMember) => void;
  /** What of it must outlast its home. */
  readonly distrusted: (machine: FarMember) => void;
}

/** What its home has told of it last. */
interface Told {
  readonly described: Described;
  readonly evidence: Evidence;
  readonly shown: ShownBlob;
  readonly spelled: RestWords["evidence"];
  readonly offered: RestWords["offered"];
  readonly generation: number;
  readonly sharedMs: number;
  readonly atMs: number;
}

/** A machine of another coordinator, as a member of the fleet here. It is as its home says, but for what this coordinator has just asked for. */
export class FarMember implements Member {
  readonly providerId: ProviderId;
  readonly home: Home;
  readonly #net: FarNet;
  readonly #sealing: SealingContext;
  readonly #course: Course;
  #told: Told;
  #load: LoadWords;
  #loadAtMs: number;
  #view: MachineView;
  /** Slots that this coordinator took since the home last told of its machine, less those that it gave back. */
  #takenSince = 0;
  /** It has refused one, and has told of no change since. */
  #isFull = false;
  /** An answer did not match its signature, and its home has not said so yet. */
  #isDistrusted = false;

  private constructor(net: FarNet, home: Home, providerId: ProviderId, told: Told, load: LoadWords) {
    this.#net = net;
    this.home = home;
    this.providerId = providerId;
    this.#sealing = new SealingContext(net);
    this.#course = new Course(net);
    this.#told = told;
    this.#load = load;
    this.#loadAtMs = told.atMs;
    this.#view = this.#seen(undefined);
  }

  /** @returns undefined where what is told is not enough, or its evidence is none */
  static from(net: FarNet, home: Home, words: MachineWords): FarMember | undefined {
    const told = toldFrom(net, words.rest, undefined);
    return told && new FarMember(net, home, words.providerId, told, words.load);
  }

  get view(): MachineView {
    return this.#view;
  }
  get generation(): number {
    return this.#told.generation;
  }
  get isDistrusted(): boolean {
    return this.#isDistrusted;
  }

  /** Its home tells of it anew. */
  become({ load, rest }: MachineWords, pending: number): void {
    this.#told = toldFrom(this.#net, rest, this.#told) ?? this.#told;
    this.#load = load;
    this.#loadAtMs = this.#net.clock.monotonicMs();
    this.#takenSince = pending;
    this.#isFull = false;
    if (this.#told.described.distrustedUntilMs === Number.POSITIVE_INFINITY) this.#isDistrusted = false;
    this.#look();
  }

  took(): void {
    this.#takenSince++;
    // A slot that is taken is of no use to anybody who waits.
    this.#view = this.#seen(this.#view);
  }
  gaveBack(): void {
    this.#takenSince--;
    this.#look();
  }
  isFull(): void {
    this.#takenSince--;
    this.#isFull = true;
    this.#look();
  }

  /** Its home is there, and has not said since then that it is full. */
  mayBeFree(): void {
    this.#isFull = false;
    this.#look();
  }

  sealing(): Sealing {
    const { shown, sharedMs, atMs } = this.#told;
    return { ...this.#sealing.of(shown), nowMs: sharedMs + this.#net.clock.monotonicMs() - atMs };
  }

  published(): PublishedMachine {
    const { evidence, offered } = this.#told;
    return { machine: { ...this.#view, models: offered }, evidence };
  }
  now(): number {
    return this.sealing().nowMs;
  }
  prove(nonce: Uint8Array): Promise<PublishedMachine> {
    return this.home.prove(this, nonce);
  }
  reserve(jobId: JobId): Promise<Line | "full"> {
    return this.home.reserve(this, jobId);
  }
  replaced(): void {
    this.home.leave(this);
  }
  /** Its home is told of what is decided like everybody else. */
  decidedOn(): void {}
  /** Its home ends the connection. */
  unlinked(): void {}
  course(): MachineCourse {
    return this.#course.look(this.#view);
  }
  distrust(): void {
    this.#isDistrusted = true;
    this.#net.distrusted(this);
    this.#look();
  }

  #look(): void {
    this.#view = this.#seen(this.#view);
    this.#net.changed(this);
  }

  #seen(before: MachineView | undefined): MachineView {
    const load = loadFrom(this.#load, this.#loadAtMs);
    const running = Math.max(0, load.running + this.#takenSince);
    const { described } = this.#told;
    return {
      providerId: this.providerId,
      ...described,
      ...load,
      // The list stays the same object for as long as it says the same: the fleet finds machines by it.
      models: before && isAlike(before.models, load.models) ? before.models : load.models,
      running,
      slots: this.#isFull ? Math.min(load.slots, running) : load.slots,
      ...(this.#isDistrusted && { distrustedUntilMs: Number.POSITIVE_INFINITY }),
      far: { home: this.home.id, roundTripMs: this.home.roundTripMs },
    };
  }
}

function toldFrom(net: FarNet, rest: RestWords | undefined, before: Told | undefined): Told | undefined {
  const found = rest && evidenceOf(net.crypto, rest);
  if (!found) return undefined;
  const atMs = net.clock.monotonicMs();
  const described = describedFrom(rest.described, atMs);
  // What was spelled of them is kept for as long as they are the same objects.
  const isSameVerdict = isAlike(before?.described.verdict, described.verdict);
  const isSameEvidence = isAlike(before?.spelled, rest.evidence);
  return {
    shown: found.shown,
    spelled: rest.evidence,
    evidence: before && isSameEvidence ? before.evidence : found.evidence,
    described: before && isSameVerdict ? { ...described, verdict: before.described.verdict } : described,
    offered: rest.offered,
    generation: rest.generation,
    sharedMs: rest.sharedMs,
    atMs,
  };
}

const isAlike = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
