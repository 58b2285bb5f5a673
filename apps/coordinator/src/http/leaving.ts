import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type PersonId } from "@darkbloom/protocol/ids";
import * as z from "zod";
import type { AuditAction } from "../accounts/audit.ts";
import { endedWith, erase, planErasure, type ErasureWorld } from "../accounts/erasure.ts";
import { amount, moneyOf } from "../admin/call.ts";
import { erasureMeant, erasurePlan, tellPlan } from "../admin/leaving-calls.ts";
import { toldPlan } from "../admin/leaving.ts";
import { exportOf, personExport, type PersonExport } from "../admin/person-export.ts";
import { RateLimiter } from "../limits/rate.ts";
import { signedInOf } from "./access.ts";
import { cookieName } from "./browser-session.ts";
import { cookieOf } from "./credentials.ts";
import type { HttpDeps } from "./deps.ts";
import type { Door, Route } from "./door.ts";
import { readShortJson } from "./short-json.ts";

const ofSession = { access: "session", limit: "rate" } as const;

/** Everything of somebody is looked for: far more than other routes cost, and written down each time. */
const EXPORT_EVERY_MS = 30_000;
const EXPORT_BURST_MAX = 3;
const exportRate = { requestsPerSec: 1_000 / EXPORT_EVERY_MS, requestsBurst: EXPORT_BURST_MAX };

/** Somebody who is signed in is there; but for what another of their sessions does in this moment. */
function still<Found>(found: Found | undefined): Found {
  if (found === undefined) throw new NetworkError({ code: "session_invalid" });
  return found;
}

const erasingOf = (deps: HttpDeps): ErasureWorld => ({
  ...deps,
  forget(personId) {
    deps.links.forget(personId);
    deps.devices.forget(personId);
  },
});

/** `GET /v1/me/export`: all that is kept about whoever asks. */
export const exportMe = ({ deps }: Door): Route => {
  const rate = new RateLimiter<PersonId>(deps.clock, exportRate);
  return {
    schema: {
      summary: "All that is kept about you, as one JSON document; each list is bounded, and says whether there is more",
      tags: ["me"],
      response: { 200: personExport },
    },
    config: ofSession,
    handler: async (request, reply): Promise<PersonExport> => {
      const { personId } = signedInOf(request).person;
      const { allowed, retryAfterSec } = rate.take(personId);
      if (!allowed) throw new NetworkError({ code: "rate_limit_exceeded", retryAfterSec });
      const kept = still(await exportOf({ ...deps, withdrawals: deps.payouts.withdrawals }, personId));
      await deps.audit.add({ at: deps.clock.now(), actor: personId, action: "people.export", subject: personId });
      void reply.header("content-disposition", 'attachment; filename="darkbloom-export.json"');
      return kept;
    },
  };
};

/** `GET /v1/me/erasure`: what `POST /v1/me/erase` would come to. */
export const planMyErasure = ({ deps }: Door): Route => ({
  schema: {
    summary: "What stands in the way of erasing your account, and what would go with it; changes nothing",
    tags: ["me"],
    response: { 200: erasurePlan },
  },
  config: ofSession,
  handler: async (request): Promise<z.infer<typeof erasurePlan>> =>
    tellPlan(toldPlan(still(await planErasure(erasingOf(deps), signedInOf(request).person.personId)))),
});

const erased = z.object({ account: z.string(), erased: z.literal(true), forfeited_micro_usd: amount });

/** `POST /v1/me/erase`: whoever asks is nobody here from then on. */
export const eraseMe = (door: Door): Route => ({
  schema: {
    summary:
      "Erase your account, for good: all that names you goes, and your sessions, keys and machines with it; entries of the ledger stay",
    tags: ["me"],
    body: erasureMeant,
    response: { 200: erased },
  },
  config: { ...ofSession, fails: ["erasure_refused", "body_invalid", "payload_too_large"] },
  handler: async (request, reply): Promise<z.infer<typeof erased>> => {
    const { deps } = door;
    const { personId, account } = signedInOf(request).person;
    const meant = await readShortJson(
      door,
      request,
      erasureMeant,
      () =>
        ourWords`'confirm' is your account's id and 'forfeit_micro_usd' an amount in micro-USD as text, both as GET /v1/me/erasure tells them`,
    );
    const said = { account: meant.confirm, forfeit: moneyOf(meant.forfeit_micro_usd) };
    const done = still(await erase(erasingOf(deps), personId, said));
    const wrote = (action: AuditAction, subject: string): Promise<void> =>
      deps.audit.add({ at: deps.clock.now(), actor: personId satisfies PersonId, action, subject });
    await wrote("people.erase", personId);
    for (const [action, subject] of endedWith(done)) await wrote(action, subject);
    const name = cookieName(door, request);
    if (name !== undefined) void reply.header("set-cookie", cookieOf(name, "", 0));
    return { account, erased: true, forfeited_micro_usd: String(done.forfeited) };
  },
});
