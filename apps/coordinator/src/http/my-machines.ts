import { checkSchema, trustLevels } from "@darkbloom/protocol/evidence";
import { gates, NetworkError } from "@darkbloom/protocol/failures";
import { wordsOfGate } from "@darkbloom/protocol/failure-words";
import { ourWords, type AccountId, type MachineId, type ParamPath } from "@darkbloom/protocol/ids";
import { isPrintable } from "@darkbloom/protocol/printable";
import type { FastifyRequest } from "fastify";
import * as z from "zod";
import type { AuditAction } from "../accounts/audit.ts";
import { MACHINE_NAME_CHARS_MAX, type OwnedMachine } from "../accounts/owned-machines.ts";
import { everyDay } from "../ledger/windows.ts";
import type { Member } from "../machines/ports.ts";
import { remedyOf } from "../machines/trust/remedy.ts";
import { signedInOf } from "./access.ts";
import { parseJson, readBody } from "./body.ts";
import type { Door, Route } from "./door.ts";

/** A name and a word. 413 above it. */
const MACHINE_BODY_BYTES_MAX = 4 * 1024;

const time = z.iso.datetime().nullable();
const shown = z.object({
  id: z.string(),
  name: z.string(),
  private_only: z.boolean().describe("It serves your account alone, and no public list has it"),
  approved_by: z.string().describe("Who let it in"),
  linked_at: z.iso.datetime(),
  owned: z.boolean().describe("False until it has connected and shown its identity key; until then it is not yours"),
  connected: z.boolean(),
  serial: z.string().nullable().describe("As in its evidence; null while it is not connected"),
  trust_level: z.enum(trustLevels).nullable(),
  checks: z.array(checkSchema).describe("What was checked of its evidence"),
  models: z.array(z.string()).describe("The builds that it offers"),
  keeps_from_earning: z
    .object({
      gate: z.enum([...gates, "not_proven", "not_connected"]),
      words: z.string().describe("What is so of the machine"),
      remedy: z.string().describe("What its owner can do about it"),
      since: time,
    })
    .nullable()
    .describe("Why no request reaches it, the first reason of all; null: one may"),
  last_seen_at: time.describe("When its connection began or ended last"),
  last_offered_at: time.describe("When it was last given a request; null: not since this coordinator started"),
  last_served_at: time.describe("When it last answered one well; null: not since this coordinator started"),
  earned_micro_usd: z.string().describe("What it has earned for your account"),
});
type Shown = z.infer<typeof shown>;

const change = z
  .strictObject({ name: z.string().min(1).max(MACHINE_NAME_CHARS_MAX), private_only: z.boolean() })
  .partial();
const params = z.object({ id: z.string().describe("Of `GET /v1/me/providers`") });
const ofSession = { access: "session", limit: "rate" } as const;

const timeOf = (at: number | null = null): string | null => (at === null ? null : new Date(at).toISOString());

/** Of a machine that has not shown its key nothing is told: it may be another's. */
function tell(door: Door, machine: OwnedMachine, member: Member | undefined, earned: EarnedBy): Shown {
  const { records } = door.deps;
  const { machineId, provenAt } = machine;
  const isOwned = provenAt !== null;
  const record = isOwned ? records.find(machineId) : undefined;
  const view = member?.view;
  return {
    id: machineId,
    name: machine.name,
    private_only: machine.privateOnly,
    approved_by: machine.approvedBy,
    linked_at: new Date(machine.createdAt).toISOString(),
    owned: isOwned,
    connected: member !== undefined,
    serial: view?.serial ?? null,
    trust_level: view?.verdict.level ?? null,
    checks: [...(view?.verdict.checks ?? [])],
    models: view?.models.map(({ build }) => build) ?? [],
    keeps_from_earning: whatKeeps(door, machine, member),
    last_seen_at: timeOf(machine.lastSeenAt),
    last_offered_at: timeOf(record?.offeredAt),
    last_served_at: timeOf(record?.servedAt),
    earned_micro_usd: isOwned ? String(earned.get(machineId) ?? 0n) : "0",
  };
}

/** What an account has earned, by machine, in micro-USD. */
type EarnedBy = ReadonlyMap<string, bigint>;

async function earnedBy({ deps }: Door, account: AccountId): Promise<EarnedBy> {
  const rows = await deps.ledger.earnings(account, { by: "machine", ...everyDay });
  return new Map(rows.map(({ key, earned, payable }) => [key, earned + payable]));
}

const START = "Start it there: 'darkbloom provider start'.";

function whatKeeps({ deps }: Door, machine: OwnedMachine, member?: Member): Shown["keeps_from_earning"] {
  const { machineId, provenAt, createdAt, lastSeenAt } = machine;
  if (provenAt === null)
    return {
      gate: "not_proven",
      words: "has not shown its identity key yet",
      remedy: `It is yours once it has connected and shown it. ${START}`,
      since: timeOf(createdAt),
    };
  if (!member) return { gate: "not_connected", words: "is not connected", remedy: START, since: timeOf(lastSeenAt) };
  const { gate, since } = member.course();
  if (gate === undefined) return null;
  const { catalog, clock, records, settings } = deps;
  const net = { clock, floor: { catalog, minTrust: settings.minTrustDefault } };
  const remedy = remedyOf(gate, member.view, net, records.find(machineId)?.standing);
  return { gate, words: wordsOfGate(gate), remedy, since: timeOf(since) };
}

/** `GET /v1/me/providers`: one's own machines, the oldest first, connected or not. */
export const listMachines = (door: Door): Route => ({
  schema: {
    summary: "Your machines, oldest first: how each fares, and what keeps it from earning",
    tags: ["me"],
    response: { 200: z.object({ data: z.array(shown) }) },
  },
  config: ofSession,
  handler: async (request): Promise<{ data: Shown[] }> => {
    const { fleet, owners } = door.deps;
    const { account } = signedInOf(request).person;
    const members = new Map(fleet.ownedBy(account).map((member) => [member.view.machineId, member]));
    const earned = await earnedBy(door, account);
    const machines = owners.ofAccount(account);
    return { data: machines.map((machine) => tell(door, machine, members.get(machine.machineId), earned)) };
  },
});

/** `PATCH /v1/me/providers/{id}`: what is not named stays. */
export const editMachine = (door: Door): Route => ({
  schema: {
    summary: "Name a machine of yours, or keep it to yourself, from the next request on",
    tags: ["me"],
    params,
    body: change,
    response: { 200: shown },
  },
  config: { ...ofSession, fails: ["machine_not_found", "body_invalid", "payload_too_large"] },
  handler: async (request): Promise<Shown> => {
    const { deps, bodies } = door;
    const { account } = signedInOf(request).person;
    const machineId = idOf(request);
    using room = bodies.share(account);
    const read = change.safeParse(parseJson(await readBody(request.raw, MACHINE_BODY_BYTES_MAX, room)));
    if (!read.success || !isPrintable(read.data.name ?? "")) throw badChange;
    const { name, private_only: privateOnly } = read.data;
    const changed = await deps.owners.change(account, machineId, {
      ...(name !== undefined && { name }),
      ...(privateOnly !== undefined && { privateOnly }),
    });
    if (!changed) throw notFound;
    await write(door, request, "machines.edit");
    return tell(
      door,
      changed,
      deps.fleet.ownedBy(account).find(({ view }) => view.machineId === machineId),
      await earnedBy(door, account),
    );
  },
});

/** `DELETE /v1/me/providers/{id}`: its token is good no longer, and its connection ends, at once. */
export const unlinkMachine = (door: Door): Route => ({
  schema: {
    summary: "Have a machine no more, at once: its token is revoked, and its connection ends",
    tags: ["me"],
    params,
    response: { 200: z.object({ id: z.string(), unlinked: z.literal(true) }) },
  },
  config: { ...ofSession, fails: ["machine_not_found"] },
  handler: async (request): Promise<{ id: string; unlinked: true }> => {
    const id = idOf(request);
    if (!(await door.deps.owners.unlink(signedInOf(request).person.account, id))) throw notFound;
    await write(door, request, "machines.unlink");
    return { id, unlinked: true };
  },
});

const notFound = new NetworkError({ code: "machine_not_found" });
const badChange = new NetworkError({
  code: "body_invalid",
  param: "machine" as ParamPath,
  expected: ourWords`it may have a 'name' of 1 to ${MACHINE_NAME_CHARS_MAX} printable characters, and 'private_only', true or false`,
});

/** An id is only a name to look up, and nothing of it reaches a database: an unknown one finds nothing. */
const idOf = (request: FastifyRequest): MachineId => params.parse(request.params).id as MachineId;

async function write({ deps }: Door, request: FastifyRequest, action: AuditAction): Promise<void> {
  const { personId: actor } = signedInOf(request).person;
  await deps.audit.add({ at: deps.clock.now(), actor, action, subject: idOf(request) });
}
