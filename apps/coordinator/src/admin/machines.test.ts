import type { MachineId, Serial } from "@darkbloom/protocol/ids";
import { systemClock } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { DECISIONS_MAX, type Decided, type Decision } from "../machines/trust/approvals.ts";
import type { Grievance } from "../machines/records/standings.ts";
import { machineAdminOf, type ConnectedMachine } from "./machines.ts";

const idOf = (n: number) => `mach_${String(n).padStart(32, "0")}` as MachineId;

const here = (n: number, more: Partial<ConnectedMachine> = {}): ConnectedMachine => ({
  machineId: idOf(n),
  serial: `SW-${n}` as Serial,
  approval: "awaited",
  attested: true,
  trustLevel: "self_signed",
  ...more,
});

function adminWith(
  connected: ConnectedMachine[],
  kept: Decision[] = [],
  waits = async () => {},
  held: readonly Grievance[] = [],
) {
  const byId = new Map(kept.map((decision) => [decision.machineId, decision]));
  const told: [MachineId, Decided][] = [];
  const decisions = {
    list: async () => [...byId.values()],
    put: async (decision: Decision) => {
      await waits();
      byId.set(decision.machineId, decision);
    },
  };
  const grievances = new Map(held.map((grievance) => [grievance.machineId, grievance]));
  const forgiven: MachineId[] = [];
  const standings = {
    list: async () => [...grievances.values()],
    put: async () => expect.unreachable(),
    forgive: async (machineId: MachineId) => void grievances.delete(machineId),
  };
  const machines = {
    list: () => connected,
    decided: ({ machineId, state }: Decision) => void told.push([machineId, state]),
    forgiven: (machineId: MachineId) => void forgiven.push(machineId),
  };
  const admin = machineAdminOf({ decisions, standings }, machines, systemClock);
  return { told, byId, forgiven, grievances, admin };
}

const kept = (n: number, state: Decided = "approved"): Decision => ({
  machineId: idOf(n),
  serial: `SW-${n}` as Serial,
  state,
  decidedAt: n,
});

/** Goal: the operator decides on the machine that is meant. Method: each way of naming one, and what it comes to. */
describe("deciding on machines", () => {
  const connected = [here(1), here(2, { attested: false }), here(3)];
  it.each<[named: string, which: string, expected: number[]]>([
    ["by id", idOf(1), [1]],
    ["by the id of one that was never here", idOf(9), [9]],
    ["by serial", "SW-1", [1]],
    ["by the serial of one that is away", "SW-7", [7]],
    ["again", idOf(7), [7]],
    ["all: those alone who have shown who they are and were not decided on", "all", [1]],
  ])("%s", async (_, which, expected) => {
    const { admin, told, byId } = adminWith(connected, [kept(3), kept(7)]);
    const made = await admin.decideMachine(which, "refused");
    expect(made.map(({ machineId }) => machineId)).toEqual(expected.map(idOf));
    expect(told).toEqual(expected.map((n) => [idOf(n), "refused"]));
    for (const n of expected) expect(byId.get(idOf(n))?.state).toBe("refused");
  });

  it("refuses a name that nobody has, or two", async () => {
    const { admin, told } = adminWith([here(1), here(2, { serial: "SW-1" as Serial })]);
    await expect(admin.decideMachine("SW-9", "approved")).rejects.toMatchObject({ code: "unknown_machine" });
    await expect(admin.decideMachine("SW-1", "approved")).rejects.toThrow(`${idOf(1)}, ${idOf(2)}`);
    expect(told).toEqual([]);
  });

  it("keeps so many decisions and no more, and changes one still", async () => {
    const all = Array.from({ length: DECISIONS_MAX }, (_, n) => kept(n));
    const { admin, byId } = adminWith([], all);
    await expect(admin.decideMachine(idOf(DECISIONS_MAX), "approved")).rejects.toMatchObject({ code: "too_much" });
    await admin.decideMachine(idOf(0), "refused");
    expect(byId.get(idOf(0))?.state).toBe("refused");
    byId.delete(idOf(5));
    await admin.decideMachine(idOf(DECISIONS_MAX), "approved");
    expect(byId.size).toBe(DECISIONS_MAX);
  });
});

/** Goal: whoever has not shown a key names nothing. Method: connections that only claim one, beside a machine that was decided on, and one that is awaited. */
describe("a connection that has not passed its challenge", () => {
  const claims = (n: number, serial: string) =>
    here(n, { attested: false, trustLevel: "none", serial: serial as Serial });

  it("is not meant by the serial that it says it has", async () => {
    const { admin, byId } = adminWith([claims(1, "SW-9")]);
    await expect(admin.decideMachine("SW-9", "approved")).rejects.toMatchObject({ code: "unknown_machine" });
    expect(byId.size).toBe(0);
  });

  it("is not in the way of the machine whose serial it says it has", async () => {
    const { admin } = adminWith([claims(1, "SW-9"), here(9), claims(2, "SW-9")]);
    const made = await admin.decideMachine("SW-9", "approved");
    expect(made.map(({ machineId }) => machineId)).toEqual([idOf(9)]);
  });

  it("renames no machine that was decided on and is away", async () => {
    const { admin, byId } = adminWith([claims(7, "SW-1"), here(1)], [kept(7)]);
    expect((await admin.listMachines()).map(({ serial }) => serial)).toEqual(["SW-7", "SW-1"]);
    expect((await admin.decideMachine("SW-1", "refused")).map(({ machineId }) => machineId)).toEqual([idOf(1)]);
    await admin.decideMachine(idOf(7), "refused");
    expect(byId.get(idOf(7))).toMatchObject({ serial: "SW-7", state: "refused" });
  });

  it("leaves no name behind where it is decided on by its id", async () => {
    const { admin, byId } = adminWith([claims(3, "SW-1")]);
    await admin.decideMachine(idOf(3), "approved");
    expect(byId.get(idOf(3))).toMatchObject({ serial: null, state: "approved" });
  });
});

/** Goal: of two commands the later one holds, and a command is done whole or not at all. Method: a slow disk, two commands at one moment; one decision too many. */
describe("commands at one moment", () => {
  it.each(["refuse first", "approve first"])("%s: who is refused stays refused", async (order) => {
    const slow = () => systemClock.sleep(5);
    const { admin, byId, told } = adminWith([here(1), here(2)], [], slow);
    const acts = [() => admin.decideMachine(idOf(2), "refused"), () => admin.decideMachine("all", "approved")];
    const inOrder = order === "refuse first" ? acts : acts.toReversed();
    await Promise.all(inOrder.map((act) => act()));
    expect([byId.get(idOf(1))?.state, byId.get(idOf(2))?.state]).toEqual(["approved", "refused"]);
    expect(told.at(-1)).toEqual(order === "refuse first" ? [idOf(1), "approved"] : [idOf(2), "refused"]);
  });

  it("goes on after one that failed", async () => {
    const { admin, byId } = adminWith([here(1)]);
    const failed = admin.decideMachine("SW-nobody", "approved");
    const done = admin.decideMachine(idOf(1), "approved");
    await expect(failed).rejects.toMatchObject({ code: "unknown_machine" });
    await done;
    expect(byId.get(idOf(1))?.state).toBe("approved");
  });

  it("decides on none where there is no room for all", async () => {
    const all = Array.from({ length: DECISIONS_MAX - 1 }, (_, n) => kept(n + 10));
    const { admin, byId, told } = adminWith([here(1), here(2)], all);
    await expect(admin.decideMachine("all", "approved")).rejects.toMatchObject({ code: "too_much" });
    expect([byId.size, told]).toEqual([DECISIONS_MAX - 1, []]);
  });
});

/** Goal: one line for each machine. Method: decided and here, decided and away, undecided, and one connected twice. */
it("lists machines once", async () => {
  const twice = [here(2, { attested: false }), here(2), here(2, { attested: false })];
  const { admin } = adminWith([here(1), ...twice], [kept(1), kept(7, "refused")]);
  const listed = await admin.listMachines();
  expect(
    listed.map(({ machineId, state, connected, attested, trustLevel }) => [
      machineId,
      state,
      connected,
      attested,
      trustLevel,
    ]),
  ).toEqual([
    [idOf(1), "approved", true, true, "self_signed"],
    [idOf(7), "refused", false, false, null],
    [idOf(2), "undecided", true, true, "self_signed"],
  ]);
});

/** Goal: the operator sees what is held against whom, and lifts it of the one that is meant. Method: machines here, decided on and away; by id, by serial, by names that mean none. */
describe("what is held against machines", () => {
  const answer = (n: number): Grievance => ({ machineId: idOf(n), why: "answer", untilAt: null, sinceAt: n });
  const over: Grievance = { machineId: idOf(4), why: "challenge", untilAt: 1, sinceAt: 0 };
  const soon = Date.now() + 60_000;
  const proofs: Grievance = { machineId: idOf(3), why: "challenge", untilAt: soon, sinceAt: 0 };
  const made = () => adminWith([here(1), here(2)], [kept(3)], undefined, [answer(1), proofs, answer(9), over]);

  it("is listed, of machines that are away too, and not once it is over", async () => {
    const listed = await made().admin.listMachines();
    expect(
      listed.map(({ machineId, state, connected, grievance }) => [machineId, state, connected, grievance]),
    ).toEqual([
      [idOf(3), "approved", false, { why: "challenge", untilAt: soon }],
      [idOf(1), "undecided", true, { why: "answer", untilAt: null }],
      [idOf(2), "undecided", true, null],
      [idOf(9), "undecided", false, { why: "answer", untilAt: null }],
    ]);
  });

  it.each<[which: string, n: number, serial: string | null]>([
    [idOf(9), 9, null],
    ["SW-1", 1, "SW-1"],
    ["SW-3", 3, "SW-3"],
  ])("is lifted of %s", async (which, n, serial) => {
    const { admin, forgiven, grievances } = made();
    expect(await admin.forgiveMachine(which)).toEqual({ machineId: idOf(n), serial });
    expect([forgiven, grievances.has(idOf(n))]).toEqual([[idOf(n)], false]);
  });

  it.each([
    ["all", "invalid"],
    ["SW-9", "unknown_machine"],
  ])("is lifted of nobody by the name %s", async (which, code) => {
    const { admin, forgiven, grievances } = made();
    await expect(admin.forgiveMachine(which)).rejects.toMatchObject({ code });
    expect([forgiven, grievances.size]).toEqual([[], 4]);
  });
});
