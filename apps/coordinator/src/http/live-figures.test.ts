import type { CoordinatorId, MachineId, ProviderId, Serial } from "@darkbloom/protocol/ids";
import { expect, it } from "vitest";
import { entry, machineView, openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { BODIES_BYTES_MAX } from "../limits/budget.ts";
import { SampleMember } from "../machines/members.samples.ts";
import { Fleet } from "../machines/fleet.ts";
import type { MachineView, MachineCourse } from "../machines/ports.ts";
import { WAITING_BYTES_MAX, WAITING_PER_MODEL_MAX } from "../machines/waiting-room.ts";
import { LIVE_TROUBLES_MAX } from "./live-figures.ts";

const sinceMs = Date.parse("2026-01-02T03:04:05.000Z");

/** Machines that are as these say: their gate, or none. */
function fleetWith(rows: readonly { readonly gate?: MachineCourse["gate"]; readonly view?: Partial<MachineView> }[]) {
  const fleet = new Fleet(queueMicrotask);
  for (const [place, { gate, view }] of rows.entries()) {
    const name = `p${place}`;
    const named = { providerId: name as ProviderId, serial: name as Serial, machineId: `mach_${place}` as MachineId };
    const member = new SampleMember(fleet, name, machineView("self_signed", { ...named, ...view }));
    member.course = () => ({ gate, since: sinceMs + place });
    fleet.join(member);
  }
  return fleet;
}

/** Goal: an operator sees what is, each figure from its owner. Method: machines with and without trouble, here and elsewhere, two who wait, and what was counted. */
it("tells what runs, waits, is full, is in trouble and failed", async () => {
  const fleet = fleetWith([
    {},
    { view: { running: 2, far: { home: "coord_2" as CoordinatorId, roundTripMs: 1 } } },
    { gate: "challenge_stale" },
    { gate: "draining", view: { running: 0 } },
  ]);
  await using edge = await openEdge({
    fleet,
    work: () => ({ open: 5, waitingBytes: 77, queues: [{ build: entry.build, waiting: 2, longestMs: 1_500.4 }] }),
    cluster: { isUp: false, peers: 0 },
  });
  const { recent } = edge.deps;
  recent.settled.add("finished");
  recent.failures.add("capacity_full");
  recent.attemptFailures.add("too_slow");
  const { bearer } = await signIn(edge.deps, personOf("olga", "operator"));
  const response = await edge.get("/v1/admin/live", { headers: bearer });
  expect(response.status).toBe(200);
  const told = (await response.json()) as { at: string; gates: { name: string }[] };
  expect(told).toMatchObject({
    draining: false,
    requests: { open: 5, waiting: 2 },
    queues: [
      {
        models: [entry.id],
        waiting: 2,
        waiting_max: WAITING_PER_MODEL_MAX,
        longest_wait_ms: 1_500,
        running: 3,
        slots: 4,
      },
    ],
    machines: { connected: 4, elsewhere: 1, serving: 2, running: 4, slots: 4, troubled: 2 },
    troubles: [
      { machine_id: "mach_3", is_here: true, gate: "draining", words: "is draining" },
      { machine_id: "mach_2", gate: "challenge_stale", since: "2026-01-02T03:04:05.002Z" },
    ],
    settled: [{ outcome: "finished", counts: [1, 1, 1] }],
    failures: [{ code: "capacity_full", status: 429, blame: "network", counts: [1, 1, 1] }],
    attempt_failures: [{ code: "too_slow", blame: "provider", counts: [1, 1, 1] }],
    coordinators: { bus: "away", others: 0 },
  });
  expect(told.gates).toMatchObject([
    { name: "bodies", taken_bytes: 0, bytes_max: BODIES_BYTES_MAX },
    { name: "waiting", taken_bytes: 77, bytes_max: WAITING_BYTES_MAX },
    { name: "answers", taken_bytes: 0 },
    { name: "conversations", taken_bytes: 0 },
  ]);
});

it("lists so many machines in trouble, counts all, and says where there are no other coordinators", async () => {
  const fleet = fleetWith(Array.from({ length: LIVE_TROUBLES_MAX + 2 }, () => ({ gate: "draining" as const })));
  await using edge = await openEdge({ fleet });
  const { bearer } = await signIn(edge.deps, personOf("olga", "operator"));
  const told = (await (await edge.get("/v1/admin/live", { headers: bearer })).json()) as { troubles: unknown[] };
  expect(told).toMatchObject({ machines: { troubled: LIVE_TROUBLES_MAX + 2 }, coordinators: null });
  expect(told.troubles).toHaveLength(LIVE_TROUBLES_MAX);
  expect(told.troubles[0]).toMatchObject({ machine_id: `mach_${LIVE_TROUBLES_MAX + 1}` });
});
