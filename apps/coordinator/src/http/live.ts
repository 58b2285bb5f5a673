import { NetworkError } from "@darkbloom/protocol/failures";
import type { PersonId } from "@darkbloom/protocol/ids";
import type { FastifyReply, FastifyRequest } from "fastify";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { SignedIn } from "../accounts/people.ts";
import type { Change, ChangeKind } from "../events/changes.ts";
import { OVERLOADED_RETRY_SEC } from "../limits/budget.ts";
import { signedInOf } from "./access.ts";
import type { Door, Route } from "./door.ts";

/** Pages of one person that are told of changes, and of all people. */
export const LIVE_STREAMS_PER_PERSON_MAX = 8;
const LIVE_STREAMS_MAX = 1_024;
/** What changes sooner is told together. */
const LIVE_TOLD_EVERY_MS = 500;
/** Well below what proxies and our own patience with a silent reader allow. */
const LIVE_SIGN_EVERY_MS = 15_000;

/**
 * `GET /v1/me/events`: which lists have changed, so that a page asks for them again. The stream ends with its session, when the
 * coordinator drains, and with a reader who takes nothing.
 */
export function streamChanges(door: Door): Route {
  const open = new Map<PersonId, number>();
  let all = 0;
  const enter = (personId: PersonId): Disposable => {
    const own = open.get(personId) ?? 0;
    if (own >= LIVE_STREAMS_PER_PERSON_MAX || all >= LIVE_STREAMS_MAX)
      throw new NetworkError({ code: "overloaded", retryAfterSec: OVERLOADED_RETRY_SEC });
    open.set(personId, own + 1);
    all += 1;
    return {
      [Symbol.dispose]: () => {
        all -= 1;
        const left = (open.get(personId) ?? 1) - 1;
        if (left === 0) open.delete(personId);
        else open.set(personId, left);
      },
    };
  };
  return {
    schema: {
      summary: "What changes that you can see, by its kind alone, as server-sent events",
      tags: ["me"],
      response: { 200: { description: "Events", content: { "text/event-stream": { schema: z.string() } } } },
    },
    config: { access: "session", limit: "rate", whileDraining: "refused", fails: ["overloaded"] },
    handler: async (request, reply) => {
      const visitor = signedInOf(request);
      using _place = enter(visitor.person.personId);
      await tellChanges(door, visitor, request, reply);
    },
  };
}

async function tellChanges(door: Door, visitor: SignedIn, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { deps, gate } = door;
  reply.hijack();
  const response = reply.raw;
  const ended = new AbortController();
  const end = (): void => ended.abort();
  response.once("close", end);
  deps.shutdown.addEventListener("abort", end, { once: true });
  const waiting = new Set<ChangeKind>();
  let wake = Promise.withResolvers<void>();
  const { personId } = visitor.person;
  // Of a team that somebody joins they are told under their own name.
  let teams = await accountsOfTeams(door, personId);
  using _listening = deps.changes.listen((change) => {
    if (!concerns(change, visitor, teams)) return;
    waiting.add(change.kind);
    wake.resolve();
  });
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  response.write(": open\n\n");
  try {
    while (!ended.signal.aborted && !deps.isDraining()) {
      await either(wake.promise, LIVE_SIGN_EVERY_MS, ended.signal);
      wake = Promise.withResolvers();
      // Whoever was signed out meanwhile learns nothing more, not even that.
      const still = await gate.visitor(request.raw, () => undefined);
      if (still?.session.sessionId !== visitor.session.sessionId) break;
      const told = [...waiting];
      waiting.clear();
      if (told.includes("teams")) teams = await accountsOfTeams(door, personId);
      const text = told.length === 0 ? ": here\n\n" : `data: ${JSON.stringify(told)}\n\n`;
      // Who does not read is told of everything at once later, or disconnected by the socket's own patience.
      if (!response.write(text)) await once(response, "drain", { signal: ended.signal });
      await sleep(LIVE_TOLD_EVERY_MS, undefined, { signal: ended.signal, ref: false });
    }
  } catch (error) {
    if (!ended.signal.aborted) throw error;
  } finally {
    deps.shutdown.removeEventListener("abort", end);
    response.end();
  }
}

async function either(happened: Promise<void>, waitMs: number, ended: AbortSignal): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([ended, over.signal]);
  try {
    await Promise.race([happened, sleep(waitMs, undefined, { signal, ref: false })]);
  } finally {
    over.abort();
  }
}

const accountsOfTeams = async ({ deps }: Door, personId: PersonId): Promise<ReadonlySet<string>> =>
  new Set((await deps.teams.teamsOf(personId)).map(({ team }) => team.account));

const concerns = ({ of }: Change, { person }: SignedIn, teams: ReadonlySet<string>): boolean =>
  of === undefined || of === person.personId || of === person.account || teams.has(of) || person.role === "operator";
