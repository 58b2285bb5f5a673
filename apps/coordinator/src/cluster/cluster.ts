import { fromBase64, fromUtf8 } from "@darkbloom/protocol/bytes";
import type { CoordinatorId, ProviderId } from "@darkbloom/protocol/ids";
import type { Clock, Crypto } from "@darkbloom/protocol/ports";
import type { Hpke } from "@darkbloom/protocol/sealing";
import type { Deadlines } from "@darkbloom/protocol/time";
import type { BusSkip, Events } from "../events/events.ts";
import type { Fleet } from "../machines/fleet.ts";
import type { Member } from "../machines/ports.ts";
import type { Floor } from "../machines/trust/serving.ts";
import type { MachineRecords } from "../machines/records/records.ts";
import type { Slots } from "../machines/slots.ts";
import type { Approvals } from "../machines/trust/approvals.ts";
import { Announcer } from "./announcer.ts";
import { Decisions, type DecisionMade } from "./decisions.ts";
import { FarFleet } from "./far-fleet.ts";
import { Peer } from "./peer.ts";
import { Post, type PostKind, type PostNet } from "./post.ts";
import { Tellings, type TellingsNet } from "./tellings.ts";
import type { SlotTurns } from "./turns.ts";
import { FAR_LINES_MAX, MACHINES_TOLD_MAX, words, type Of, type Words } from "./words.ts";

/** A coordinator says this often that it is there. */
export const BEAT_EVERY_MS = 1_000;
/** After so long without a word from it another one is gone, and all that it had here. */
export const PEER_SILENCE_MS_MAX = 5 * BEAT_EVERY_MS;
/** Changes of machines are told together, this often at most. */
export const CHANGES_EVERY_MS = 100;
/** Coordinators of one network, beside this one; further ones are not heard. */
export const PEERS_MAX = 31;
/** Of those that have said goodbye, so that what was still on its way brings none of them back. */
const GONE_REMEMBERED_MAX = 64;

export interface ClusterNet extends PostNet, TellingsNet {
  readonly floor: Floor;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly hpke: Hpke;
  readonly deadlines: Deadlines;
  readonly fleet: Fleet;
  readonly records: MachineRecords;
  readonly approvals: Pick<Approvals, "decided">;
  readonly slots: Pick<Slots, "waitsAt">;
  readonly turns: SlotTurns;
  readonly events: Pick<Events, "peerChanged" | "busChanged" | "busSkipped" | "bug">;
}

/**
 * This coordinator among others of its network: it tells them of its machines and hears of theirs, which become members of the fleet
 * here; and each second all of them say that they are there. Who says nothing for a while is gone, with its machines and all lines. While the bus is
 * away there are no others.
 */
export class Cluster implements Disposable {
  readonly #net: ClusterNet;
  readonly #post: Post;
  readonly #announcer: Announcer;
  readonly #decisions: Decisions;
  readonly #tellings: Tellings;
  readonly #peers = new Map<CoordinatorId, Peer>();
  readonly #gone = new Set<CoordinatorId>();
  readonly #over = new AbortController();
  readonly #watches: readonly Disposable[];
  readonly #farFleet: FarFleet;
  /** When changes were told last, and whether somebody is about to. */
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #isTelling = false;
  #isDraining = false;

  constructor(net: ClusterNet, self: CoordinatorId) {
    const { bus, fleet, clock } = net;
    this.#net = net;
    this.#announcer = new Announcer(fleet, clock, (identityKey) =>
      this.#farFleet.generationOf(identityKey, this.#peers.values()),
    );
    this.#farFleet = new FarFleet(net, self, this.#announcer);
    this.#decisions = new Decisions(net);
    this.#post = new Post(net, self, (from, kind, bytes) => this.#hear(from, kind, bytes), this.#skipped);
    this.#tellings = new Tellings(net, this.#post, () => this.#peers.keys(), this.#bug);
    this.#watches = [this.#tellings, fleet.watch(() => this.#tellSoon()), bus.watch((isUp) => this.#busIs(isUp))];
    if (bus.isUp) this.#post.tellAll({ type: "ask" } satisfies Words);
    // It ends with the scope, by the sleep that is aborted then.
    void this.#beat().catch(() => undefined);
  }

  /** Coordinators that are heard, beside this one. */
  get peers(): number {
    return this.#peers.size;
  }
  get isUp(): boolean {
    return this.#net.bus.isUp;
  }

  /** The operator has decided on a machine here, or has forgiven it: the others hear of it. */
  decided(decision: DecisionMade): void {
    this.#decisions.made(decision);
    this.#post.tellAll(this.#beatWords());
  }

  /** Machines of this coordinator take nothing more from elsewhere; resolves once what they had from there is done. */
  async drained(): Promise<void> {
    this.#isDraining = true;
    this.#announcer.drain();
    this.#tellChanges();
    while (this.#peers.values().some(({ lent }) => lent.size > 0))
      await this.#net.clock.sleep(CHANGES_EVERY_MS, this.#over.signal);
  }

  async #beat(): Promise<void> {
    const { clock, bus } = this.#net;
    for (;;) {
      await clock.sleep(BEAT_EVERY_MS, this.#over.signal);
      try {
        const nowMs = clock.monotonicMs();
        for (const peer of this.#peers.values())
          if (nowMs - peer.heardAtMs > PEER_SILENCE_MS_MAX) this.#lose(peer, "silent");
        if (bus.isUp) this.#tellThatItLives();
      } catch (error) {
        // Whoever beats no more is gone for all others.
        this.#bug(error);
      }
    }
  }

  #tellThatItLives(): void {
    this.#tellChanges();
    this.#post.tellAll(this.#beatWords());
    for (const peer of this.#peers.values()) this.#post.tell(peer.id, peer.link(this.#waitsAt(peer.id)));
  }

  #waitsAt(home: CoordinatorId): [ProviderId, number][] {
    const nowMs = this.#net.clock.monotonicMs();
    const waits: [ProviderId, number][] = [];
    for (const [providerId, sinceMs] of this.#net.slots.waitsAt(home)) {
      if (waits.length === FAR_LINES_MAX) break;
      waits.push([providerId, nowMs - sinceMs]);
    }
    return waits;
  }

  #beatWords(): Of<"beat"> {
    return { type: "beat", fleet: this.#announcer.version, decisions: this.#decisions.recent() };
  }

  #tellSoon(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    const { clock } = this.#net;
    const waitMs = this.#toldAtMs + CHANGES_EVERY_MS - clock.monotonicMs();
    if (waitMs <= 0) return this.#tellChanges();
    clock.sleep(waitMs, this.#over.signal).then(
      () => this.#tellChanges(),
      () => undefined,
    );
  }

  #tellChanges(): void {
    this.#isTelling = false;
    const news = this.#announcer.news();
    if (!news) return;
    this.#toldAtMs = this.#net.clock.monotonicMs();
    const { machines, left } = news;
    // Each has a version of its own, or one of them could be lost unseen.
    const more = Math.max(0, Math.ceil(machines.length / MACHINES_TOLD_MAX) - 1);
    const first = this.#announcer.version;
    this.#announcer.version += more;
    for (let n = 0; n <= more; n++)
      this.#post.tellAll({
        type: "changed",
        fleet: first + n,
        machines: machines.slice(n * MACHINES_TOLD_MAX, (n + 1) * MACHINES_TOLD_MAX),
        left: n === 0 ? left : [],
      } satisfies Words);
  }

  #tellState(to: CoordinatorId): void {
    // What is not told yet would be told as a change of what is.
    this.#tellChanges();
    const all = this.#announcer.all();
    const fleet = this.#announcer.version;
    for (let at = 0; at === 0 || at < all.length; at += MACHINES_TOLD_MAX)
      this.#post.tell(to, {
        type: "state",
        fleet,
        at,
        total: all.length,
        machines: all.slice(at, at + MACHINES_TOLD_MAX),
      } satisfies Words);
  }

  #hear(from: CoordinatorId, kind: PostKind, bytes: Uint8Array): void {
    try {
      if (kind !== "words") return this.#peers.get(from)?.take(kind, bytes);
      const said = words.safeParse(jsonOf(bytes)).data;
      if (said) this.#listen(from, said);
      else this.#skipped("shape");
    } catch (error) {
      this.#bug(error);
    }
  }

  #listen(from: CoordinatorId, said: Words): void {
    if (said.type === "bye") return this.#leftBy(from);
    const peer = this.#peerOf(from);
    if (!peer) return;
    switch (said.type) {
      case "ask":
        return this.#tellState(from);
      case "beat":
        this.#decisions.heard(from, said.decisions);
        if (peer.fleetVersion !== said.fleet) this.#post.tell(from, { type: "ask" } satisfies Words);
        return;
      case "changed":
        if (!this.#farFleet.changed(peer, said)) this.#skipped("shape");
        return;
      case "state":
        if (!this.#farFleet.told(peer, said)) this.#skipped("shape");
        return;
      case "link":
        for (const providerId of said.distrusted) this.#ownMember(providerId)?.distrust();
        this.#net.turns.told(from, said.waiting);
        return peer.linked(said);
      case "noticed":
        return this.#tellings.noticed(from, said);
      case "forgotten":
        return this.#tellings.forgotten(from, said);
      case "pages":
        return this.#tellings.pages(said);
      case "reserve":
        void peer.lent.reserve(said.job, this.#openTo(from, said.providerId)).catch(this.#bug);
        return;
      case "granted":
        return peer.granted(said.job);
      case "full":
        return peer.full(said.job);
      case "prove":
        void this.#prove(peer, said).catch(this.#bug);
        return;
      case "proved":
        return peer.proved(said);
      case "reading":
      case "closed":
      case "gone":
      case "lost":
      case "credit":
      case "cancel":
      case "release":
      case "began":
      case "measured":
      case "learnt":
      case "declined":
        return peer.hear(said);
    }
  }

  /** The one that says this; undefined where it is not heard. */
  #peerOf(id: CoordinatorId): Peer | undefined {
    const known = this.#peers.get(id);
    if (known || this.#gone.has(id) || !this.#net.bus.isUp) return known;
    if (this.#peers.size >= PEERS_MAX) {
      this.#skipped("crowd");
      return undefined;
    }
    const peer = new Peer({ ...this.#net, post: this.#post, bug: this.#bug }, id);
    this.#peers.set(id, peer);
    this.#net.events.peerChanged({ coordinatorId: id, state: "joined" });
    return peer;
  }

  /** A machine of this coordinator; what is far already goes no further. */
  #ownMember(providerId: ProviderId): Member | undefined {
    const member = this.#net.fleet.get(providerId);
    return member?.view.far ? undefined : member;
  }

  /** The same, unless what is free of it is kept for somebody who has waited longer than anybody there. */
  #openTo(id: CoordinatorId, providerId: ProviderId): Member | undefined {
    const { turns } = this.#net;
    const member = this.#isDraining ? undefined : this.#ownMember(providerId);
    return member && turns.heldUntilMs(member.view, turns.waitsSinceMs(id, providerId), id) === undefined
      ? member
      : undefined;
  }

  async #prove(peer: Peer, { id, providerId, nonce }: Of<"prove">): Promise<void> {
    const member = this.#ownMember(providerId);
    const proof = await member?.prove(fromBase64(nonce)).catch(() => undefined);
    const machine = member && proof && this.#announcer.whole(member);
    this.#post.tell(peer.id, {
      type: "proved",
      id,
      ...(machine && { machine }),
      ...(proof?.path && { path: [...proof.path] }),
    } satisfies Words);
  }

  #leftBy(id: CoordinatorId): void {
    this.#gone.add(id);
    for (const oldest of this.#gone) {
      if (this.#gone.size <= GONE_REMEMBERED_MAX) break;
      this.#gone.delete(oldest);
    }
    const peer = this.#peers.get(id);
    if (peer) this.#lose(peer, "left");
  }

  #lose(peer: Peer, state: "left" | "silent" | "unreachable"): void {
    this.#peers.delete(peer.id);
    this.#farFleet.forget(peer);
    this.#decisions.forget(peer.id);
    this.#tellings.gone(peer.id);
    this.#net.turns.forget(peer.id);
    peer.end();
    this.#net.events.peerChanged({ coordinatorId: peer.id, state });
  }

  #busIs(isUp: boolean): void {
    this.#net.events.busChanged({ state: isUp ? "back" : "away" });
    if (isUp) return this.#post.tellAll({ type: "ask" } satisfies Words);
    for (const peer of this.#peers.values()) this.#lose(peer, "unreachable");
    this.#post.forget();
  }

  readonly #skipped = (why: BusSkip): void => this.#net.events.busSkipped({ why });
  readonly #bug = (error: unknown): void => this.#net.events.bug({ where: "background" }, error);

  [Symbol.dispose](): void {
    this.#over.abort(new Error("the coordinator ends"));
    if (this.#net.bus.isUp) this.#post.tellAll({ type: "bye" } satisfies Words);
    for (const watch of this.#watches) watch[Symbol.dispose]();
    for (const peer of this.#peers.values()) peer.end();
    this.#post[Symbol.dispose]();
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes));
  } catch {
    return undefined;
  }
}
