import * as z from "zod";
import { hashOfKey } from "../accounts/keys.ts";
import { TeamAdmin } from "../accounts/team-admin.ts";
import { signedInOf } from "./access.ts";
import type { Door, Route } from "./door.ts";
import { readForm } from "./form.ts";
import { html, sendPage } from "./page.ts";
import { openPage, pageSchema } from "./browser-session.ts";
import { howToSignIn } from "./sign-in.ts";

export const JOIN_PATH = "/join";

const linkParams = z.object({ secret: z.string() });

/** `GET /join/{secret}`: what it invites to, and a button. Whatever looks at links before a person does must not use them up. */
export const showJoin = (door: Door): Route => ({
  schema: { ...pageSchema("What an invite to a team is for, and a button"), params: linkParams },
  config: openPage,
  handler: async (request, reply) => {
    const { deps } = door;
    const visitor = await door.gate.visitor(request.raw, (headers) => void reply.headers(headers));
    if (!visitor) return sendPage(reply, "Sign in first", howToSignIn(door), 401);
    const { secret } = linkParams.parse(request.params);
    const invite = await deps.teams.invitedBy(hashOfKey(deps.crypto, secret), deps.clock.now());
    const team = invite && (await deps.teams.team(invite.account));
    if (!team) return sendPage(reply, "This invite is not good any more", tooLate, 404);
    return sendPage(
      reply,
      "Join a team",
      html`<p>
          <strong>${visitor.person.name}</strong> would join <strong>${team.name}</strong> as ${invite.role}. Its owners
          and admins see what you make there, and what it uses; your own account stays yours alone.
        </p>
        <form method="post" action="${JOIN_PATH}">
          <input type="hidden" name="secret" value="${secret}" /><button>Join</button>
        </form>`,
    );
  },
});

const tooLate = html`<p>It was used, withdrawn, is older than seven days, or was never made here.</p>`;

/** `POST /join`: the one use of an invite. */
export const useJoin = (door: Door): Route => ({
  schema: pageSchema("Join the team of an invite, once"),
  config: {
    access: "session",
    limit: "rate",
    fails: ["body_invalid", "payload_too_large", "invite_not_found", "teams_too_many", "members_too_many"],
  },
  handler: async (request, reply) => {
    const form = await readForm(door, request);
    const { team } = await new TeamAdmin(door.deps, signedInOf(request).person.personId).join(form.get("secret") ?? "");
    return sendPage(
      reply,
      "You are in",
      html`<p>You are in <strong>${team.name}</strong>. Programs name its account: <code>${team.account}</code>.</p>`,
    );
  },
});
