import type { Serial } from "@darkbloom/protocol";
import { systemClock } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { DECISIONS_MAX, type Decided, type Decision, type MachineId } from "../trust/approvals.ts";
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

function adminWith(connected: ConnectedMachine[], kept: Decision[] = []) {
  const byId = new Map(kept.map((decision) => [decision.machineId, decision]));
  const told: [MachineId, Decided][] = [];
  const decisions = {
    list: async () => [...byId.values()],
    put: async (decision: Decision) => void byId.set(decision.machineId, decision),
  };
  const machines = {
    list: () => connected,
    decided: ({ machineId, state }: Decision) => void told.push([machineId, state]),
  };
  return { told, byId, admin: machineAdminOf(decisions, machines, systemClock) };
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
