import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId, CoordinatorId, JobId, ProviderId } from "@darkbloom/protocol/ids";
import type { Clock, Random } from "@darkbloom/protocol/ports";
import type { Fleet } from "./fleet.ts";
import type { MachineView, Line, Member } from "./ports.ts";
import { choose, type Choice } from "./choose.ts";
import { eligibleFor, gateOf, hasFreeSlot, isOwn, isSeen, type Want } from "./eligibility.ts";
import { WaitingRoom, type Queue } from "./waiting-room.ts";

/** How long one waits, and then gets a 429. */
export const SLOT_WAIT_MS = 30_000;
/** What a 429 for want of a slot tells the caller to wait. */
export const FULL_RETRY_AFTER_SEC = 5;

/** Who asks for a slot, and for what. */
export interface SlotRequest {
  readonly want: Want;
  /** Machines that failed this request already. */
  readonly tried: ReadonlySet<ProviderId>;
  readonly jobId: JobId;
  readonly account: AccountId;
  /** Of the body that waits with it. */
  readonly bytes: number;
}

/** Whose turn it is at machines for which somebody waits at another coordinator too. */
export interface Turns {
  /** Something about it has changed: a slot of it may be free. */
  saw(machine: MachineView): void;
  /** Until when a free slot of it is kept from who waits since then, for somebody who has waited longer elsewhere; undefined: it is not. */
  heldUntilMs(machine: MachineView, sinceMs: number): number | undefined;
}

/** Of each model, so many who have waited longest speak for all, where others are told who waits. */
const ELDERS_MAX = 8;

interface Waiter extends SlotRequest {
  readonly build: string;
  readonly startedMs: number;
  readonly give: (line: Line) => void;
  readonly giveUp: (error: unknown) => void;
  /** Ends its wait for a slot, once it is among those who wait. */
  timer: AbortController | undefined;
  /** A machine has been asked for a slot and has not said: until then this one keeps its place, and no other is asked. */
  isAsking: boolean;
  /** Its time is over: what it is told next is the last word. */
  isLate: boolean;
  /** It has its line, or has given up. */
  isOver: boolean;
}

/**
 * Gives out the fleet's slots: at once where one is free, else in turn between accounts, and first come, first
 * served within one. Nobody overtakes those who wait for the same model, unless those cannot use what is free.
 *
 * Whoever waits does so because no machine could serve it when it was last asked. So only a machine that has changed
 * since can, and only that is looked at.
 *
 * Only a machine knows its slots, so each is asked for. Who is told that it is full looks again at once, and keeps its place among
 * those who wait; who has left meanwhile gives the slot back.
 */
export class Slots implements Disposable {
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #room = new WaitingRoom<Waiter>();
  readonly #watch: Disposable;
  /** By build of the catalog: when machines that time alone let in again were last looked for. */
  readonly #lookedAtMs = new Map<string, number>();
  readonly #turns: Turns | undefined;
  /** Until when those that are kept for others are looked at again. */
  readonly #heldUntilMs = new Map<ProviderId, number>();
  readonly #over = new AbortController();

  /** @param turns where there are other coordinators */
  constructor(fleet: Fleet, clock: Clock, random: Random, turns?: Turns) {
    this.#turns = turns;
    this.#fleet = fleet;
    this.#clock = clock;
    this.#random = random;
    this.#watch = fleet.watch((changed) => {
      if (turns) for (const { view } of changed) turns.saw(view);
      this.#serveWaiting(changed);
    });
  }

  get waiting(): number {
    return this.#room.size;
  }

  /** Of the bodies that wait. */
  get waitingBytes(): number {
    return this.#room.bytes;
  }

  queues(): Queue[] {
    return this.#room.queues(this.#clock.monotonicMs());
  }

  /**
   * A slot on the best machine, as the line to it.
   *
   * Throws `no_provider` where none may serve this, `capacity_full` where all stay full, and the
   * reason of the first of these signals to abort, such as the caller's leaving.
   */
  async acquire(request: SlotRequest, ...stops: readonly AbortSignal[]): Promise<Line> {
    for (const stop of stops) stop.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Line>();
    const waiter: Waiter = {
      ...request,
      build: request.want.entry.build,
      startedMs: this.#clock.monotonicMs(),
      give: (line) => {
        waiter.isOver = true;
        this.#room.leave(waiter);
        resolve(line);
      },
      // Whoever gives up is out of the queue in the same turn, so that no slot is given to nobody.
      giveUp: (error) => {
        waiter.isOver = true;
        this.#room.leave(waiter);
        reject(error);
      },
      timer: undefined,
      isAsking: false,
      isLate: false,
      isOver: false,
    };
    const leave = () => waiter.giveUp(stops.find(({ aborted }) => aborted)?.reason);
    for (const stop of stops) stop.addEventListener("abort", leave, { once: true });
    try {
      this.#look(waiter);
      return await promise;
    } finally {
      waiter.timer?.abort();
      for (const stop of stops) stop.removeEventListener("abort", leave);
    }
  }

  /** At all machines, for one who has just come, or was told that the one it asked is full. */
  #look(waiter: Waiter): void {
    // What was freed in this turn belongs to those who wait.
    this.#fleet.tell();
    let found = this.#choose(waiter);
    // A machine that only time made free again, e.g. after it was shut out for a while, nobody has told of.
    if ("chosen" in found && this.#room.isAwaited(waiter.build)) {
      this.#serveFromThoseBack(waiter.build);
      found = this.#choose(waiter);
    }
    // Waiting, it may have had its turn just now.
    if (waiter.isAsking) return;
    if ("chosen" in found) void this.#ask(waiter, found.chosen);
    else if (this.#room.has(waiter)) return;
    else if ("refused" in found) waiter.giveUp(this.#refusal(waiter));
    else this.#enter(waiter);
  }

  #enter(waiter: Waiter, isSecondTry = false): void {
    if (waiter.isOver) return;
    const { isIn, displaced } = this.#room.enter(waiter);
    if (!isIn) {
      if (isSecondTry) return waiter.giveUp(this.#full(waiter));
      // Who was found a slot in this turn leaves the waiting room in its next step.
      return queueMicrotask(() => this.#enter(waiter, true));
    }
    displaced?.giveUp(this.#full(displaced));
    waiter.timer = new AbortController();
    void this.#afterWait(waiter.startedMs + SLOT_WAIT_MS, waiter.timer.signal, () => {
      this.#serveFromThoseBack(waiter.build);
      this.#endWait(waiter);
    });
  }

  async #afterWait(untilMs: number, over: AbortSignal, act: () => void): Promise<void> {
    try {
      await this.#clock.sleep(Math.max(0, untilMs - this.#clock.monotonicMs()), over);
    } catch {
      return;
    }
    act();
  }

  /** An assumption of ours that breaks in it is told to the request that it concerns, and stops no other. */
  async #ask(waiter: Waiter, chosen: ProviderId): Promise<void> {
    waiter.isAsking = true;
    try {
      const line = await this.#memberOf(chosen).reserve(waiter.jobId);
      waiter.isAsking = false;
      if (line !== "full") {
        if (waiter.isOver) line[Symbol.dispose]();
        else waiter.give(line);
      } else if (waiter.isOver) return;
      else if (waiter.isLate) this.#endWait(waiter);
      else this.#look(waiter);
    } catch (error) {
      waiter.giveUp(error);
    }
  }

  /** Of machines elsewhere, which of this home somebody here waits for, and since when. */
  *waitsAt(home: CoordinatorId): Iterable<[ProviderId, number]> {
    const nowMs = this.#clock.monotonicMs();
    for (const build of this.#room.builds()) {
      const elders = [...this.#room.inTurn(build)]
        .toSorted((one, other) => one.startedMs - other.startedMs)
        .slice(0, ELDERS_MAX);
      for (const machine of this.#fleet.machinesFor(build)) {
        if (machine.far?.home !== home) continue;
        const eldest = elders.find(({ want, tried }) => gateOf(want, machine, nowMs, tried) === undefined);
        if (eldest) yield [machine.providerId, eldest.startedMs];
      }
    }
  }

  #serveWaiting(changed: ReadonlySet<Member>): void {
    const membersByBuild = new Map<string, Set<Member>>();
    for (const member of changed)
      for (const { build } of member.view.models) {
        if (!this.#room.isAwaited(build)) continue;
        membersByBuild.set(build, (membersByBuild.get(build) ?? new Set()).add(member));
      }
    // One request of each model in turn, so that no model takes all slots of a machine that serves several.
    const inTurn = [...this.#room.builds()].filter((build) => membersByBuild.has(build));
    while (membersByBuild.size > 0)
      for (const build of inTurn) {
        const members = membersByBuild.get(build);
        if (members && !this.#serveOne(build, members)) membersByBuild.delete(build);
      }
  }

  /**
   * Looks at the machines that time alone has let in again since they were last looked at for this. Not at all: a request
   * for what most have would else cost as much as the many who wait for what few have.
   */
  #serveFromThoseBack(build: string): void {
    const nowMs = this.#clock.monotonicMs();
    const sinceMs = this.#lookedAtMs.get(build) ?? Number.NEGATIVE_INFINITY;
    this.#lookedAtMs.set(build, nowMs);
    const isOver = (untilMs: number) => sinceMs < untilMs && untilMs <= nowMs;
    const back = new Set<Member>();
    for (const member of this.#fleet.membersFor(build)) {
      const { distrustedUntilMs, conduct } = member.view;
      if (isOver(distrustedUntilMs) || isOver(conduct.ejectedUntilMs)) back.add(member);
    }
    while (this.#serveOne(build, back));
  }

  /** One that is left out may do by now, since the others have gone. */
  #endWait(waiter: Waiter): void {
    waiter.isLate = true;
    if (waiter.isAsking) return;
    const last = this.#choose(waiter);
    if ("chosen" in last) {
      this.#room.hadTurn(waiter);
      void this.#ask(waiter, last.chosen);
    } else waiter.giveUp("refused" in last ? this.#refusal(waiter) : this.#full(waiter));
  }

  /** @returns whether somebody who waits for this build could use one of these machines */
  #serveOne(build: string, members: ReadonlySet<Member>): boolean {
    const changed = Array.from(members, (member) => member.view).filter(hasFreeSlot);
    if (changed.length === 0) return false;
    const nowMs = this.#clock.monotonicMs();
    const mayBeOf = this.#usableBy(build, changed, nowMs);
    for (const waiter of this.#room.inTurn(build)) {
      if (waiter.isAsking || !mayBeOf(waiter)) continue;
      const open = this.#turns ? changed.map((machine) => this.#openTo(machine, waiter.startedMs)) : changed;
      const choice = choose(waiter.want, open, waiter.tried, nowMs, this.#random.fraction());
      if (!("chosen" in choice)) continue;
      this.#room.hadTurn(waiter);
      void this.#ask(waiter, choice.chosen);
      return true;
    }
    return false;
  }

  /**
   * Whether one of these machines may serve somebody who waits, without a look at what it would cost: most changes help nobody,
   * and hundreds may wait. One that is shut out for its faults serves only those whom nobody else may, full or not.
   */
  #usableBy(build: string, machines: readonly MachineView[], nowMs: number): (waiter: Waiter) => boolean {
    /** Whoever will do for one will mostly do for the next. */
    let other: MachineView | undefined;
    return ({ want, tried }) => {
      const gates = (machine: MachineView) => gateOf(want, machine, nowMs, tried);
      let isLeftOut = false;
      for (const machine of machines) {
        const gate = gates(machine);
        if (gate === undefined) return true;
        isLeftOut ||= gate === "ejected";
      }
      if (!isLeftOut) return false;
      if (!other || gates(other)) other = Iterator.from(this.#fleet.machinesFor(build)).find((one) => !gates(one));
      return other === undefined;
    };
  }

  #choose({ want, tried, startedMs }: Waiter): Choice {
    const machines = this.#fleet.machinesFor(want.entry.build);
    const candidates = this.#turns
      ? Iterator.from(machines).map((machine) => this.#openTo(machine, startedMs))
      : machines;
    return choose(want, candidates, tried, this.#clock.monotonicMs(), this.#random.fraction());
  }

  /** As it looks to somebody who waits since then: a slot that is kept for another is none. It is looked at again once it is not. */
  #openTo(machine: MachineView, sinceMs: number): MachineView {
    const heldUntilMs = hasFreeSlot(machine) ? this.#turns?.heldUntilMs(machine, sinceMs) : undefined;
    if (heldUntilMs === undefined) return machine;
    const { providerId } = machine;
    if (this.#heldUntilMs.get(providerId) !== heldUntilMs) {
      this.#heldUntilMs.set(providerId, heldUntilMs);
      void this.#afterWait(heldUntilMs, this.#over.signal, () => {
        if (this.#heldUntilMs.get(providerId) === heldUntilMs) this.#heldUntilMs.delete(providerId);
        const member = this.#fleet.get(providerId);
        if (member) this.#serveWaiting(new Set([member]));
      });
    }
    return { ...machine, slots: machine.running };
  }

  #memberOf(providerId: ProviderId): Member {
    const member = this.#fleet.get(providerId);
    if (!member) throw new RangeError("a chosen provider left in the turn in which it was chosen");
    return member;
  }

  #refusal({ want, tried }: SlotRequest): NetworkError {
    const ofOwn = want.route === "self";
    const seen = this.#fleet
      .machines()
      .filter((machine) => (ofOwn ? isOwn(want, machine) : isSeen(machine, want.account)));
    const { refused } = eligibleFor(want, seen, this.#clock.monotonicMs(), tried);
    return new NetworkError({
      code: "no_provider",
      model: want.entry.id,
      connected: seen.length,
      gates: refused,
      ...(ofOwn && { ofOwn }),
    });
  }

  #full({ want, startedMs }: Waiter): NetworkError {
    return new NetworkError({
      code: "capacity_full",
      model: want.entry.id,
      retryAfterSec: FULL_RETRY_AFTER_SEC,
      waitedMs: this.#clock.monotonicMs() - startedMs,
    });
  }

  [Symbol.dispose](): void {
    this.#over.abort();
    this.#watch[Symbol.dispose]();
  }
}
