import { NetworkError } from "@darkbloom/protocol/failures";
import type { SessionId } from "@darkbloom/protocol/ids";
import * as z from "zod";
import { roles, sessionKinds, type Session } from "../accounts/people.ts";
import { signedInOf } from "./access.ts";
import type { Door, Route } from "./door.ts";
import { nameIn } from "./path-name.ts";

const session = z.object({
  id: z.string(),
  kind: z.enum(sessionKinds),
  client: z.string().describe("What it was made for, in that program's words"),
  created_at: z.iso.datetime(),
  last_used_at: z.iso.datetime().describe("To the hour"),
  expires_at: z.iso.datetime(),
  current: z.boolean().describe("The one that asks"),
});

const me = z.object({
  id: z.string(),
  name: z.string(),
  mail: z.string().nullable(),
  role: z.enum(roles),
  account: z.string(),
  session,
});

const timeOf = (at: number): string => new Date(at).toISOString();

const tellSession = (one: Session, current: SessionId): z.infer<typeof session> => ({
  id: one.sessionId,
  kind: one.kind,
  client: one.client,
  created_at: timeOf(one.createdAt),
  last_used_at: timeOf(one.usedAt),
  expires_at: timeOf(one.expiresAt),
  current: one.sessionId === current,
});

const ofSession = { access: "session", limit: "rate" } as const;

/** `GET /v1/me`: who is signed in. */
export const showMe = (_door: Door): Route => ({
  schema: { summary: "Who is signed in, with which role and account", tags: ["me"], response: { 200: me } },
  config: ofSession,
  handler: async (request): Promise<z.infer<typeof me>> => {
    const { person, session: asking } = signedInOf(request);
    return {
      id: person.personId,
      name: person.name,
      mail: person.mail,
      role: person.role,
      account: person.account,
      session: tellSession(asking, asking.sessionId),
    };
  },
});

const sessions = z.object({ data: z.array(session) });

/** `GET /v1/me/sessions`: where one is signed in, the last used first. */
export const listSessions = ({ deps }: Door): Route => ({
  schema: { summary: "Where you are signed in, the last used first", tags: ["me"], response: { 200: sessions } },
  config: ofSession,
  handler: async (request): Promise<z.infer<typeof sessions>> => {
    const { person, session: asking } = signedInOf(request);
    const now = deps.clock.now();
    const all = await deps.people.sessionsOf(person.personId);
    return {
      data: all.filter(({ expiresAt }) => now < expiresAt).map((one) => tellSession(one, asking.sessionId)),
    };
  },
});

/** Stands for the session that asks. */
const CURRENT = "current";
const sessionParams = z.object({ id: z.string().describe("Of `GET /v1/me/sessions`, or `current`") });
const ended = z.object({ id: z.string(), ended: z.literal(true) });

/** `DELETE /v1/me/sessions/{id}`: what it was good for fails from the very next request on. */
export const endSession = ({ deps }: Door): Route => ({
  schema: {
    summary: "End a session of yours, at once; `current` is the one that asks",
    tags: ["me"],
    params: sessionParams,
    response: { 200: ended },
  },
  config: { ...ofSession, fails: ["session_not_found"] },
  handler: async (request): Promise<z.infer<typeof ended>> => {
    const { person, session: asking } = signedInOf(request);
    const id = nameIn(request, "id", { code: "session_not_found" });
    // An id is only a name to look up; an unknown one finds nothing.
    const sessionId = id === CURRENT ? asking.sessionId : (id as SessionId);
    if (!(await deps.people.endSession(person.personId, sessionId)))
      throw new NetworkError({ code: "session_not_found" });
    await deps.audit.add({
      at: deps.clock.now(),
      actor: person.personId,
      action: "sessions.revoke",
      subject: sessionId,
    });
    return { id: sessionId, ended: true };
  },
});
