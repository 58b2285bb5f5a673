import { failures, gates, type FailureCode } from "@darkbloom/protocol/failures";
import { wordsOfGate } from "@darkbloom/protocol/failure-words";
import * as z from "zod";
import { recentMinutes, type RecentCount } from "../events/recent.ts";
import { outcomes } from "../ledger/settlement.ts";
import { WAITING_BYTES_MAX, WAITING_PER_MODEL_MAX, type Queue } from "../machines/waiting-room.ts";
import type { Member } from "../machines/ports.ts";
import type { Door, Route } from "./door.ts";

/** Of machines that no request reaches, those that are listed; the others are counted. */
export const LIVE_TROUBLES_MAX = 100;

const counts = z
  .array(z.int())
  .length(recentMinutes.length)
  .describe(`In the last ${recentMinutes.join(", ")} minutes, each to within ten seconds`);
const failed = z.object({
  code: z.string(),
  status: z.int().describe("With which it is answered"),
  blame: z.enum(["caller", "network", "provider"]).describe("Whose doing it is"),
  counts,
});

const queue = z.object({
  build: z.string(),
  models: z.array(z.string()).describe("The names that are asked for and mean it"),
  waiting: z.int(),
  waiting_max: z.int().describe("With so many the next one is refused: 429"),
  longest_wait_ms: z.int(),
  running: z.int().describe("On the machines that serve it now"),
  slots: z.int(),
});
const gate = z.object({
  name: z.enum(["bodies", "waiting", "answers", "conversations"]),
  taken_bytes: z.int(),
  bytes_max: z.int(),
});
const trouble = z.object({
  machine_id: z.string(),
  serial: z.string(),
  is_here: z.boolean().describe("False: another coordinator has its connection"),
  gate: z.enum(gates),
  words: z.string().describe("What is so of the machine"),
  since: z.iso.datetime(),
});
const figures = z.object({
  at: z.iso.datetime(),
  draining: z.boolean(),
  requests: z.object({
    open: z.int().describe("Taken and not ended, those that wait among them"),
    waiting: z.int(),
  }),
  queues: z.array(queue),
  gates: z.array(gate).describe("What all requests share: where one is full, the next is refused"),
  machines: z.object({
    connected: z.int(),
    elsewhere: z.int().describe("Of these, those whose connection another coordinator has"),
    serving: z.int().describe("Those that a request may reach"),
    running: z.int(),
    slots: z.int().describe("Of those that a request may reach"),
    troubled: z.int().describe("Those that none reaches"),
  }),
  troubles: z.array(trouble).describe(`Those that none reaches, the latest first; ${LIVE_TROUBLES_MAX} at most`),
  settled: z.array(z.object({ outcome: z.enum(outcomes), counts })),
  failures: z.array(failed).describe("Requests that were refused or failed"),
  attempt_failures: z.array(failed).describe("Attempts of machines that failed, whether or not another answered"),
  coordinators: z
    .object({ bus: z.enum(["up", "away"]), others: z.int().describe("That are heard now") })
    .nullable()
    .describe("null: this one is alone"),
});
type Figures = z.infer<typeof figures>;

/** `GET /v1/admin/live`: what an operator looks at while it runs. Machines are those of all coordinators, the rest is this one's. */
export const showLive = (door: Door): Route => ({
  schema: {
    summary: "What runs and waits in this coordinator now, how full it is, and what failed in the last minutes",
    tags: ["operator"],
    response: { 200: figures },
  },
  config: { access: "operator", scope: "metrics:read", limit: "rate" },
  handler: async (): Promise<Figures> => {
    const { deps } = door;
    const work = deps.work();
    const members = [...deps.fleet.members()];
    return {
      at: new Date(deps.clock.now()).toISOString(),
      draining: deps.isDraining(),
      requests: { open: work.open, waiting: work.queues.reduce((sum, { waiting }) => sum + waiting, 0) },
      queues: work.queues.map((one) => tellQueue(door, one, members)),
      gates: gatesOf(door, work.waitingBytes),
      ...tellMachines(members),
      settled: deps.recent.settled.list().map(({ what, counts: told }) => ({ outcome: what, counts: [...told] })),
      failures: deps.recent.failures.list().map(tellFailed),
      attempt_failures: deps.recent.attemptFailures.list().map(tellFailed),
      coordinators: deps.cluster ? { bus: deps.cluster.isUp ? "up" : "away", others: deps.cluster.peers } : null,
    };
  },
});

function tellMachines(members: readonly Member[]): Pick<Figures, "machines" | "troubles"> {
  const told = members.map((member) => ({ view: member.view, course: member.course() }));
  const serving = told.filter(({ course }) => course.gate === undefined);
  return {
    machines: {
      connected: told.length,
      elsewhere: told.filter(({ view }) => view.far).length,
      serving: serving.length,
      running: told.reduce((sum, { view }) => sum + view.running, 0),
      slots: serving.reduce((sum, { view }) => sum + view.slots, 0),
      troubled: told.length - serving.length,
    },
    troubles: told
      .flatMap(({ view: { machineId, serial, far }, course: { gate: shut, since } }) =>
        shut === undefined ? [] : [{ machineId, serial, far, shut, since }],
      )
      .toSorted((one, other) => other.since - one.since)
      .slice(0, LIVE_TROUBLES_MAX)
      .map(({ machineId, serial, far, shut, since }) => ({
        machine_id: machineId,
        serial,
        is_here: far === undefined,
        gate: shut,
        words: wordsOfGate(shut),
        since: new Date(since).toISOString(),
      })),
  };
}

function tellQueue(
  { deps }: Door,
  { build, waiting, longestMs }: Queue,
  members: readonly Member[],
): Figures["queues"][number] {
  const serving = members.filter(
    (member) => member.view.models.some((model) => model.build === build) && member.course().gate === undefined,
  );
  return {
    build,
    models: deps.catalog.listed.filter((entry) => entry.build === build).map(({ id }) => id),
    waiting,
    waiting_max: WAITING_PER_MODEL_MAX,
    longest_wait_ms: Math.round(longestMs),
    running: serving.reduce((sum, { view }) => sum + view.running, 0),
    slots: serving.reduce((sum, { view }) => sum + view.slots, 0),
  };
}

const gatesOf = ({ bodies, answers, conversations }: Door, waitingBytes: number): Figures["gates"] => [
  { name: "bodies", taken_bytes: bodies.takenBytes, bytes_max: bodies.maxBytes },
  { name: "waiting", taken_bytes: waitingBytes, bytes_max: WAITING_BYTES_MAX },
  { name: "answers", taken_bytes: answers.takenBytes, bytes_max: answers.maxBytes },
  { name: "conversations", taken_bytes: conversations.takenBytes, bytes_max: conversations.maxBytes },
];

const tellFailed = ({ what, counts: told }: RecentCount<FailureCode>): z.infer<typeof failed> => ({
  code: what,
  status: failures[what].status,
  blame: failures[what].blame,
  counts: [...told],
});
