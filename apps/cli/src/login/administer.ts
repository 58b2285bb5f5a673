import { setTimeout as sleep } from "node:timers/promises";
import type { Admin } from "@darkbloom/coordinator/admin/operations";
import { adminOver } from "@darkbloom/coordinator/admin/over";
import { CommandFailed } from "../failure.ts";
import { baseOf, jsonOf, publishedAt } from "../published.ts";
import { assertPrivate, notUnderstood, toldIn } from "./ask.ts";
import { KeptSessions, notSignedIn } from "./kept.ts";
import {
  ADMINISTER_ANSWER_BYTES_MAX,
  ADMINISTER_ANSWER_WAIT_MS,
  ADMINISTER_TOO_SOON_MAX,
  ADMINISTER_TOO_SOON_WAIT_SEC_MAX,
} from "./limits.ts";
import { whoIs } from "./me.ts";
import { ownKeysOver, type Asking, type KeyDesk } from "./own-keys.ts";

/** A coordinator over the network, and where the session is that acts there. */
export interface SessionAt {
  readonly coordinator: URL;
  readonly config: string | undefined;
}

/** An operator's operations, by their session. @throws CommandFailed where nobody is signed in */
export function adminBySession(at: SessionAt): Admin {
  const { coordinator } = at;
  return adminOver(askingBy(at, new KeptSessions(at.config).needed(coordinator)), (options) =>
    notUnderstood(coordinator, { status: 200 }, options),
  );
}

/**
 * The keys that whoever is signed in may touch: a member those of their own account; an operator every one, unless they want their
 * own alone.
 */
export async function keysBySession(at: SessionAt, isOwn: boolean): Promise<KeyDesk> {
  const { coordinator } = at;
  const session = new KeptSessions(at.config).needed(coordinator);
  const me = await whoIs(coordinator, session);
  if (!me) throw notSignedIn("The session is over", coordinator);
  if (me.role === "operator" && !isOwn) return adminBySession(at);
  return ownKeysOver(askingBy(at, session), (options) => notUnderstood(coordinator, { status: 200 }, options));
}

/** Each question, and what the coordinator refuses in a sentence. An answer that leads elsewhere is not followed. */
function askingBy({ coordinator }: SessionAt, session: string): Asking {
  return async ({ method, path, body }) => {
    assertPrivate(coordinator);
    for (let tries = 0; ; tries++) {
      const shown = await publishedAt(new URL(path.replace(/^\//, ""), baseOf(coordinator)), {
        waitMsMax: ADMINISTER_ANSWER_WAIT_MS,
        bytesMax: ADMINISTER_ANSWER_BYTES_MAX,
        method,
        refusalsToo: true,
        headers: {
          authorization: `Bearer ${session}`,
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body }),
      });
      const answer = jsonOf(shown);
      // It was refused before anything was done; many pages of a list come sooner than a coordinator likes.
      if (shown.status === 429 && tries < ADMINISTER_TOO_SOON_MAX) {
        await sleep(Math.min(shown.retryAfterSec ?? 1, ADMINISTER_TOO_SOON_WAIT_SEC_MAX) * 1000);
        continue;
      }
      refuse(coordinator, shown.status, answer);
      return { status: shown.status, answer };
    }
  };
}

/** What whoever asks can do something about; the refusals of an operation itself are left to who asked for it. @throws CommandFailed */
function refuse(coordinator: URL, status: number, answer: unknown): void {
  if (status === 200) return;
  const error = toldIn(status, answer).below("error");
  const [type, code, message] = [error.text("type"), error.text("code"), error.text("message")];
  if (type === "admin_error") return;
  if (status === 401) throw notSignedIn("The session is over", coordinator);
  if (code === "role_needed")
    throw new CommandFailed(
      `This takes an operator, and you are none at ${coordinator.href}. 'darkbloom whoami' shows your role; a member's commands are those of 'darkbloom keys'.`,
    );
  if (status === 429) throw new CommandFailed(`${coordinator.href} is busy (status 429). Try again in a minute.`);
  if (message !== undefined && code !== undefined) throw new CommandFailed(message);
  throw notUnderstood(coordinator, { status });
}
