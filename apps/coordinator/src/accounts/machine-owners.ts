import { toBase64Url } from "@darkbloom/protocol/bytes";
import type { AccountId, MachineId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Clock, Random } from "@darkbloom/protocol/ports";
import { MACHINES_PER_ACCOUNT_MAX, type OwnedMachine, type OwnedMachines } from "./owned-machines.ts";
import { turns } from "./turns.ts";

/** Tokens as machines send them: a prefix of their own, and 32 random bytes in base64url, 43 characters. */
const TOKEN_PREFIX = "darkbloom-machine-";
const TOKEN_BYTES = 32;

/** A new token of a machine. It is shown once and never stored. */
export const newMachineToken = (random: Random): string => TOKEN_PREFIX + toBase64Url(random.bytes(TOKEN_BYTES));

/**
 * What changed of a machine's ownership. `unlinked`: its token is good no longer, and the account has it no more. `seen`: a connection of
 * a machine that is the account's has begun, or has ended.
 */
export type OwnerChange = "changed" | "unlinked" | "seen";
/** @param isFar another coordinator has made it */
type Watcher = (machine: OwnedMachine, change: OwnerChange, isFar: boolean) => void;

/** A machine that somebody lets in. */
export type Linking = Pick<OwnedMachine, "account" | "machineId" | "name" | "approvedBy" | "tokenHash">;

/**
 * Whose machines are whose, for routing to ask at once. Kept first and true from then on, one change after the other; but what a
 * machine shows of itself is true at once, and kept as soon as it can be: it will show it again.
 */
export class MachineOwners {
  readonly #kept: OwnedMachines;
  readonly #clock: Pick<Clock, "now">;
  readonly #accounts = new Map<AccountId, Map<MachineId, OwnedMachine>>();
  readonly #byToken = new Map<Sha256Hex, OwnedMachine>();
  /** Those that have shown their key. */
  readonly #proven = new Map<MachineId, OwnedMachine>();
  readonly #inTurn = turns();
  readonly #isShared: boolean;
  readonly #watchers = new Set<Watcher>();

  /** @param known all that are kept @param isShared whether other coordinators write there too */
  constructor(kept: OwnedMachines, clock: Pick<Clock, "now">, known: Iterable<OwnedMachine> = [], isShared = false) {
    this.#kept = kept;
    this.#clock = clock;
    this.#isShared = isShared;
    for (const machine of known) this.#know(machine);
  }

  static async open(kept: OwnedMachines, clock: Pick<Clock, "now">, isShared = false): Promise<MachineOwners> {
    return new MachineOwners(kept, clock, await kept.list(), isShared);
  }

  /** Told behind each change, in the same turn. */
  watch(watcher: Watcher): void {
    this.#watchers.add(watcher);
  }

  /**
   * Reads again what is kept, where other coordinators write it too. What a machine has shown here, and when it was seen here, is
   * true although it may not be written yet.
   */
  refresh(): Promise<void> {
    return this.#inTurn(() => this.#refresh());
  }

  async #refresh(): Promise<void> {
    const before = [...this.#accounts.values()].flatMap((theirs) => [...theirs.values()]);
    const kept = await this.#kept.list();
    const there = new Set(kept.map(({ account, machineId }) => `${account} ${machineId}`));
    for (const machine of before) {
      if (there.has(`${machine.account} ${machine.machineId}`)) continue;
      this.#forget(machine);
      this.#tell(machine, "unlinked", true);
    }
    for (const read of kept) {
      const known = this.find(read.account, read.machineId);
      const provenAt = read.provenAt ?? (known?.tokenHash === read.tokenHash ? known.provenAt : null);
      const lastSeenAt = Math.max(read.lastSeenAt ?? 0, known?.lastSeenAt ?? 0) || null;
      // It has become another account's here, which is still to be written.
      const now = this.#proven.get(read.machineId);
      if (now && now.account !== read.account && (now.provenAt ?? 0) > (provenAt ?? 0)) continue;
      const machine = { ...read, provenAt, lastSeenAt };
      this.#know(machine);
      if (!known || !isSame(known, machine)) this.#tell(machine, "changed", true);
    }
  }

  /** Whose a machine is; undefined where it is nobody's. */
  of(machineId: MachineId): OwnedMachine | undefined {
    return this.#proven.get(machineId);
  }

  byToken(tokenHash: Sha256Hex): OwnedMachine | undefined {
    return this.#byToken.get(tokenHash);
  }

  find(account: AccountId, machineId: MachineId): OwnedMachine | undefined {
    return this.#accounts.get(account)?.get(machineId);
  }

  /** Oldest first, those that have not shown their key too. */
  ofAccount(account: AccountId): OwnedMachine[] {
    return [...(this.#accounts.get(account)?.values() ?? [])].toSorted((a, b) => a.createdAt - b.createdAt);
  }

  hasRoom(account: AccountId, machineId: MachineId): boolean {
    const theirs = this.#accounts.get(account);
    return theirs === undefined || theirs.has(machineId) || theirs.size < MACHINES_PER_ACCOUNT_MAX;
  }

  /** With another token where the account has it already: the one before is good no longer. @returns false where there is no room */
  link(linking: Linking): Promise<boolean> {
    return this.#change(async () => {
      const { account, machineId } = linking;
      if (!this.hasRoom(account, machineId)) return false;
      const before = this.find(account, machineId);
      const fresh = { privateOnly: false, provenAt: null, lastSeenAt: null };
      await this.#put({ ...fresh, ...before, ...linking, createdAt: this.#clock.now() });
      return true;
    });
  }

  /** @returns undefined where the account has no such machine */
  change(
    account: AccountId,
    machineId: MachineId,
    change: Partial<Pick<OwnedMachine, "name" | "privateOnly">>,
  ): Promise<OwnedMachine | undefined> {
    return this.#change(async () => {
      const before = this.find(account, machineId);
      if (!before) return undefined;
      return await this.#put({ ...before, ...change });
    });
  }

  /** @returns whether the account had it */
  unlink(account: AccountId, machineId: MachineId): Promise<boolean> {
    return this.#change(async () => {
      const machine = this.find(account, machineId);
      if (machine) await this.#remove(machine);
      return machine !== undefined;
    });
  }

  /** All that an account has. @returns their ids */
  unlinkAll(account: AccountId): Promise<MachineId[]> {
    return this.#change(async () => {
      const machines = this.ofAccount(account);
      for (const machine of machines) await this.#remove(machine);
      return machines.map(({ machineId }) => machineId);
    });
  }

  /**
   * A machine has shown its identity key over a connection that its token opened: it is its account's from now on, and nobody
   * else's.
   *
   * @returns false where the token is good no longer
   */
  prove(tokenHash: Sha256Hex, failed: (error: unknown) => void): boolean {
    const machine = this.#byToken.get(tokenHash);
    if (!machine) return false;
    const before = this.#proven.get(machine.machineId);
    if (before === machine) return true;
    if (before) this.#forget(before);
    const proven = { ...machine, provenAt: this.#clock.now() };
    this.#know(proven);
    this.#later(async () => {
      if (before) await this.#kept.remove(before);
      await this.#keepAsItIs(proven);
    }, failed);
    return true;
  }

  /** A connection of a machine that is somebody's has begun, or has ended. */
  seen(machineId: MachineId, failed: (error: unknown) => void): void {
    const machine = this.#proven.get(machineId);
    if (!machine) return;
    this.#know({ ...machine, lastSeenAt: this.#clock.now() });
    this.#tell(machine, "seen");
    this.#later(() => this.#keepAsItIs(machine), failed);
  }

  #later(act: () => Promise<void>, failed: (error: unknown) => void): void {
    this.#inTurn(act).catch(failed);
  }

  /** Where others write too, on what they have written. */
  #change<Done>(act: () => Promise<Done>): Promise<Done> {
    return this.#inTurn(async () => {
      if (this.#isShared) await this.#refresh();
      return await act();
    });
  }

  /** Unless it was taken away meanwhile. */
  async #keepAsItIs({ account, machineId }: OwnedMachine): Promise<void> {
    const machine = this.find(account, machineId);
    if (machine) await this.#kept.show(machine);
  }

  async #put(machine: OwnedMachine): Promise<OwnedMachine> {
    await this.#kept.put(machine);
    // While this was written it may have shown its key, or have become another account's.
    const now = this.find(machine.account, machine.machineId);
    const known = { ...machine, provenAt: now?.provenAt ?? null, lastSeenAt: now?.lastSeenAt ?? null };
    this.#know(known);
    this.#tell(known, "changed");
    return known;
  }

  async #remove(machine: OwnedMachine): Promise<void> {
    await this.#kept.remove(machine);
    const known = this.find(machine.account, machine.machineId);
    if (!known) return;
    this.#forget(known);
    this.#tell(known, "unlinked");
  }

  #know(machine: OwnedMachine): void {
    const { account, machineId, tokenHash, provenAt } = machine;
    const before = this.find(account, machineId);
    if (before) this.#byToken.delete(before.tokenHash);
    const theirs = this.#accounts.get(account) ?? new Map<MachineId, OwnedMachine>();
    this.#accounts.set(account, theirs.set(machineId, machine));
    this.#byToken.set(tokenHash, machine);
    if (provenAt !== null) this.#proven.set(machineId, machine);
  }

  #forget({ account, machineId, tokenHash }: OwnedMachine): void {
    const theirs = this.#accounts.get(account);
    theirs?.delete(machineId);
    if (theirs?.size === 0) this.#accounts.delete(account);
    this.#byToken.delete(tokenHash);
    if (this.#proven.get(machineId)?.account === account) this.#proven.delete(machineId);
  }

  #tell(machine: OwnedMachine, change: OwnerChange, isFar = false): void {
    for (const watcher of this.#watchers) watcher(machine, change, isFar);
  }
}

/** But for when it was seen last, after which nobody does anything. */
function isSame(one: OwnedMachine, other: OwnedMachine): boolean {
  const keys = Object.keys(one) as (keyof OwnedMachine)[];
  return keys.every((key) => key === "lastSeenAt" || one[key] === other[key]);
}
