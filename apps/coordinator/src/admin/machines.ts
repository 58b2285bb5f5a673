import type { TrustLevel } from "@darkbloom/protocol/evidence";
import type { Serial } from "@darkbloom/protocol/ids";
import type { Clock } from "@darkbloom/protocol/ports";
import {
  DECISIONS_MAX,
  machineIdShape,
  type Decided,
  type Decision,
  type Decisions,
} from "../machines/trust/approvals.ts";
import type { Approval, MachineId } from "../machines/ports.ts";
import { AdminError } from "./fault.ts";
import { turns } from "./turns.ts";

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
}

/** A machine that is connected or was decided on. */
export interface ListedMachine {
  readonly machineId: MachineId;
  readonly serial: Serial | null;
  /** Undecided: it serves where the coordinator asks for no approval. */
  readonly state: Decided | "undecided";
  readonly decidedAt: number | null;
  readonly connected: boolean;
  readonly attested: boolean;
  readonly trustLevel: TrustLevel | null;
}

/** Stands for every connected machine that has passed its challenge and was not decided on. */
export const ALL_MACHINES = "all";

export interface MachineAdmin {
  /** Those decided on, oldest first, then the connected others. */
  listMachines(): Promise<ListedMachine[]>;
  /**
   * All that are meant, or none; one command after the other.
   *
   * @param which an id, a serial of a machine that has passed its challenge or was decided on, or `all`
   */
  decideMachine(which: string, state: Decided): Promise<Decision[]>;
}

export function machineAdminOf(decisions: Decisions, connected: ConnectedMachines, clock: Clock): MachineAdmin {
  const listMachines = async (): Promise<ListedMachine[]> => {
    const here = new Map<MachineId, ConnectedMachine>();
    // A connection that has not shown whose it is never hides one that has.
    for (const machine of connected.list())
      if (machine.attested || !here.has(machine.machineId)) here.set(machine.machineId, machine);
    const listed: ListedMachine[] = (await decisions.list()).map(({ machineId, serial, state, decidedAt }) => {
      const machine = here.get(machineId);
      here.delete(machineId);
      return { machineId, serial: shownSerial(machine) ?? serial, state, decidedAt, ...presenceOf(machine) };
    });
    for (const machine of here.values()) {
      const { machineId, serial } = machine;
      listed.push({ machineId, serial, state: "undecided", decidedAt: null, ...presenceOf(machine) });
    }
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
  // What is meant is looked up before it is decided, and a refusal may come in between.
  const inTurn = turns();
  return { listMachines, decideMachine: (which, state) => inTurn(() => decide(which, state)) };
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
  if (named.length === 0)
    throw new AdminError(
      "unknown_machine",
      "No machine of this name has passed a challenge here or was decided on. 'darkbloom machines list' shows every machine; each can be named by its id.",
    );
  return named;
}
