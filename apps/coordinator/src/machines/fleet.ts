import type { AccountId, MachineId, ProviderId } from "@darkbloom/protocol/ids";
import type { FleetView, MachineView, Member, PublishedMachine } from "./ports.ts";

/** Runs an act once what happens now has happened: a thousand changes in one turn of the loop are looked at once. */
export type Afterwards = (act: () => void) => void;

type Watcher = (changed: ReadonlySet<Member>) => void;

/** Owns who is connected. Eligibility is asked of each member at the moment of choosing, never stored. */
export class Fleet implements FleetView {
  readonly #afterwards: Afterwards;
  readonly #members = new Map<ProviderId, Member>();
  /** By the builds that they said they serve; with what they said, so that it is found again. */
  readonly #byBuild = new Map<string, Set<Member>>();
  readonly #indexed = new Map<Member, MachineView["models"]>();
  readonly #watchers = new Set<Watcher>();
  readonly #recognised = new WeakSet<Member>();
  #changed = new Set<Member>();
  #hasLeft = false;
  #isTelling = false;

  constructor(afterwards: Afterwards) {
    this.#afterwards = afterwards;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Leaving the scope of the answer removes the member. */
  join(member: Member): Disposable {
    this.#members.set(member.providerId, member);
    this.changed(member);
    return {
      [Symbol.dispose]: () => {
        this.#members.delete(member.providerId);
        this.#changed.delete(member);
        this.#index(member, []);
        this.#indexed.delete(member);
        this.#hasLeft = true;
        this.#tellAfterwards();
      },
    };
  }

  /** A member has shown that it has its identity key: an older connection of the same machine ends. */
  takeOver(member: Member): void {
    this.#recognised.add(member);
    for (const other of this.#members.values())
      if (other !== member && other.view.identityKey === member.view.identityKey) other.replaced();
  }

  /** Whether it has shown that it has its identity key. */
  isRecognised(member: Member): boolean {
    return this.#recognised.has(member);
  }

  /** An answer that this member gave did not match its signature. The same machine may have connected anew since. */
  distrust(member: Member): void {
    for (const other of this.#members.values())
      if (other !== member && other.view.identityKey === member.view.identityKey) other.distrust();
  }

  /** The operator has decided on the machine of this id, or has forgiven it. */
  decidedOn(machineId: MachineId): void {
    for (const member of this.#members.values()) if (member.view.machineId === machineId) member.decidedOn();
  }

  /** The account has this machine no more. */
  unlinked(account: AccountId, machineId: MachineId): void {
    for (const member of this.#members.values()) if (member.view.machineId === machineId) member.unlinked(account);
  }

  ownedBy(account: AccountId): Member[] {
    return Iterator.from(this.#members.values())
      .filter(({ view }) => view.owner === account)
      .toArray();
  }

  get(providerId: ProviderId): Member | undefined {
    return this.#members.get(providerId);
  }

  has(providerId: ProviderId): boolean {
    return this.#members.has(providerId);
  }

  members(): Iterable<Member> {
    return this.#members.values();
  }

  machines(): MachineView[] {
    return Array.from(this.#members.values(), (member) => member.view);
  }

  *machinesFor(build: string): Iterable<MachineView> {
    for (const member of this.membersFor(build)) yield member.view;
  }

  membersFor(build: string): Iterable<Member> {
    return this.#byBuild.get(build) ?? [];
  }

  published(): PublishedMachine[] {
    return Array.from(this.#members.values(), (member) => member.published());
  }

  prove(nonce: Uint8Array): Promise<readonly PublishedMachine[]> {
    return Promise.all(Array.from(this.#members.values(), (member) => member.prove(nonce)));
  }

  /** Something about this member is otherwise: a slot became free, it passed a challenge. Watchers are told after this turn. */
  changed(member: Member): void {
    if (!this.#members.has(member.providerId)) return;
    this.#index(member, member.view.models);
    this.#tellAfterwards();
    this.#changed.add(member);
  }

  /** Tells watchers now of what changed in this turn so far. */
  tell(): void {
    if (this.#changed.size === 0 && !this.#hasLeft) return;
    const changed = this.#changed;
    this.#changed = new Set();
    this.#hasLeft = false;
    for (const watcher of this.#watchers) watcher(changed);
  }

  #tellAfterwards(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#afterwards(() => {
      this.#isTelling = false;
      this.tell();
    });
  }

  /** @param watcher is given nobody where somebody has left and that is all */
  watch(watcher: Watcher): Disposable {
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  #index(member: Member, models: MachineView["models"]): void {
    const known = this.#indexed.get(member);
    if (known === models) return;
    for (const { build } of known ?? []) {
      const serving = this.#byBuild.get(build);
      serving?.delete(member);
      if (serving?.size === 0) this.#byBuild.delete(build);
    }
    for (const { build } of models) {
      const serving = this.#byBuild.get(build) ?? new Set();
      this.#byBuild.set(build, serving.add(member));
    }
    this.#indexed.set(member, models);
  }
}
