import type { TrustLevel } from "@darkbloom/protocol/evidence";
import type { MachineId, Serial } from "@darkbloom/protocol/ids";
import type { Clock } from "@darkbloom/protocol/ports";
import {
  DECISIONS_MAX,
  machineIdShape,
  type Decided,
  type Decision,
  type Decisions,
} from "../machines/trust/approvals.ts";
import type { Approval } from "../machines/ports.ts";
import { isInForce, type Grievance, type Standings } from "../machines/records/standings.ts";
import { AdminError } from "./fault.ts";
import { turns } from "../accounts/turns.ts";

/** A machine that is connected now. */
export interface ConnectedMachine {
  readonly machineId: MachineId;
  /** As in the books: a pseudonym where its own is not disclosed. */
  readonly serial: Serial;
  readonly approval: Approval;
  /** Its latest challenge was passed: it has shown that the identity key is its own. */
  readonly attested: boolean;
  readonly trustLevel: TrustLevel;
}

/** The machines of a coordinator that runs. */
export interface ConnectedMachines {
  list(): readonly ConnectedMachine[];
  /** A decision is durable: it counts from now on. */
  decided(decision: Decision): void;
  /** It is durable that nothing is held against it any longer: it counts from now on. */
  forgiven(machineId: MachineId): void;
}

/** A machine that is connected, was decided on, or has something held against it. */
export interface ListedMachine {
  readonly machineId: MachineId;
  readonly serial: Serial | null;
  /** Undecided: it serves where the coordinator asks for no approval. */
  readonly state: Decided | "undecided";
  readonly decidedAt: number | null;
  readonly connected: boolean;
  readonly attested: boolean;
  readonly trustLevel: TrustLevel | null;
  /** What it did, for which it is given no requests. */
  readonly grievance: Pick<Grievance, "why" | "untilAt"> | null;
}

/** Stands for every connected machine that has passed its challenge and was not decided on. */
export const ALL_MACHINES = "all";

export interface MachineAdmin {
  /** Those decided on, oldest first, then the connected others, then those that are away and have something held against them. */
  listMachines(): Promise<ListedMachine[]>;
  /**
   * All that are meant, or none; one command after the other.
   *
   * @param which an id, a serial of a machine that has passed its challenge or was decided on, or `all`
   */
  decideMachine(which: string, state: Decided): Promise<Decision[]>;
  /**
   * Holds nothing against a machine any longer.
   *
   * @param which an id, or a serial as above
   */
  forgiveMachine(which: string): Promise<Named>;
}

type Named = Pick<Decision, "machineId" | "serial">;

export interface MachineStore {
  readonly decisions: Decisions;
  readonly standings: Standings;
}

export function machineAdminOf(
  { decisions, standings }: MachineStore,
  connected: ConnectedMachines,
  clock: Clock,
): MachineAdmin {
  const listMachines = async (): Promise<ListedMachine[]> => {
    const here = new Map<MachineId, ConnectedMachine>();
    // A connection that has not shown whose it is never hides one that has.
    for (const machine of connected.list())
      if (machine.attested || !here.has(machine.machineId)) here.set(machine.machineId, machine);
    const held = new Map<MachineId, Grievance>();
    for (const grievance of await standings.list())
      if (isInForce(grievance, clock.now())) held.set(grievance.machineId, grievance);
    const heldAgainst = (machineId: MachineId): Pick<ListedMachine, "grievance"> => {
      const { why, untilAt } = held.get(machineId) ?? {};
      held.delete(machineId);
      return { grievance: why === undefined || untilAt === undefined ? null : { why, untilAt } };
    };
    const listed: ListedMachine[] = (await decisions.list()).map(({ machineId, serial, state, decidedAt }) => {
      const machine = here.get(machineId);
      here.delete(machineId);
      const known = { machineId, serial: shownSerial(machine) ?? serial, state, decidedAt };
      return { ...known, ...presenceOf(machine), ...heldAgainst(machineId) };
    });
    const undecided = { state: "undecided", decidedAt: null } as const;
    for (const machine of here.values()) {
      const { machineId, serial } = machine;
      listed.push({ machineId, serial, ...undecided, ...presenceOf(machine), ...heldAgainst(machineId) });
    }
    for (const machineId of held.keys())
      listed.push({ machineId, serial: null, ...undecided, ...presenceOf(undefined), ...heldAgainst(machineId) });
    return listed;
  };

  const decide = async (which: string, state: Decided): Promise<Decision[]> => {
    const listed = await listMachines();
    const meant = meantBy(which, listed);
    const decidedCount = listed.filter(isDecided).length;
    const newCount = meant.filter((machine) => !isDecided(machine)).length;
    if (newCount > 0 && decidedCount + newCount > DECISIONS_MAX)
      throw new AdminError("too_much", `No more than ${DECISIONS_MAX} machines can be decided on.`);
    const done: Decision[] = [];
    for (const { machineId, serial } of meant) {
      const decision = { machineId, serial, state, decidedAt: clock.now() };
      await decisions.put(decision);
      connected.decided(decision);
      done.push(decision);
    }
    return done;
  };

  const forgive = async (which: string): Promise<Named> => {
    // One machine by name: whoever forgives all has not looked.
    if (which === ALL_MACHINES) throw new AdminError("invalid", "Machines are forgiven one by one: name it by its id.");
    const [meant] = meantBy(which, await listMachines());
    if (!meant) throw unknownMachine();
    const { machineId, serial } = meant;
    await standings.forgive(machineId);
    connected.forgiven(machineId);
    return { machineId, serial };
  };

  // What is meant is looked up before it is decided, and a refusal may come in between.
  const inTurn = turns();
  return {
    listMachines,
    decideMachine: (which, state) => inTurn(() => decide(which, state)),
    forgiveMachine: (which) => inTurn(() => forgive(which)),
  };
}

/** Before it has shown that a key is its own, a connection says whatever it likes of the machine that it names. */
const shownSerial = (machine: Pick<ListedMachine, "attested" | "serial"> | undefined): Serial | null =>
  machine?.attested === true ? machine.serial : null;

const isDecided = ({ decidedAt }: Pick<ListedMachine, "decidedAt">): boolean => decidedAt !== null;

const presenceOf = (machine: ConnectedMachine | undefined) => ({
  connected: machine !== undefined,
  attested: machine?.attested ?? false,
  trustLevel: machine?.trustLevel ?? null,
});

type Meant = Pick<ListedMachine, "machineId" | "serial" | "decidedAt">;

function meantBy(which: string, listed: readonly ListedMachine[]): readonly Meant[] {
  if (which === ALL_MACHINES) return listed.filter((machine) => !isDecided(machine) && machine.attested);
  if (machineIdShape.test(which)) {
    // Also one that has never been here: its owner knows its id from where it was tried.
    const machineId = which as MachineId;
    const known = listed.find((machine) => machine.machineId === machineId);
    if (!known) return [{ machineId, serial: null, decidedAt: null }];
    return [isDecided(known) ? known : { ...known, serial: shownSerial(known) }];
  }
  const named = listed.filter((machine) => machine.serial === which && (machine.attested || isDecided(machine)));
  if (named.length > 1)
    throw new AdminError(
      "invalid",
      `${named.length} machines say that they are ${which}. Name the one by its id: ${named.map(({ machineId }) => machineId).join(", ")}.`,
    );
  if (named.length === 0) throw unknownMachine();
  return named;
}

const unknownMachine = (): AdminError =>
  new AdminError(
    "unknown_machine",
    "No machine of this name has passed a challenge here or was decided on. 'darkbloom machines list' shows every machine; each can be named by its id.",
  );
