import { hostname } from "node:os";
import { systemClock } from "@darkbloom/protocol/node";
import { command } from "../command.ts";
import { CommandFailed, WrongUsage } from "../failure.ts";
import { outputOf } from "../output.ts";
import { assertPrivate, sessionIn } from "../login/ask.ts";
import { sessionByDevice } from "../login/device.ts";
import { KeptSessions } from "../login/kept.ts";
import { whoIs } from "../login/me.ts";
import { sessionNeeds } from "../login/needs.ts";
import { showAsking } from "../login/show.ts";
import { lineFromStdin } from "../stdin-line.ts";

export const login = command({
  path: "login",
  does: "Sign in at a coordinator: somebody who is signed in in a browser lets this program in.",
  examples: ["login --coordinator https://api.example.com", "login --with-token < session.txt"],
  needs: { ...sessionNeeds, withToken: { default: "false" } },
  async run({ coordinator, withToken, config, json }) {
    assertPrivate(coordinator);
    const output = outputOf(json);
    const kept = new KeptSessions(config);
    await kept.assertWritable();
    const session = withToken
      ? await sessionFromStdin()
      : await sessionByDevice(coordinator, {
          clock: systemClock,
          deviceName: `darkbloom on ${hostname()}`,
          show: (asking) => showAsking(output, asking),
        });
    // One that was just granted is kept at once: whatever fails from now on, it can be ended from here.
    if (!withToken) await kept.keep(coordinator, session);
    const me = await whoIs(coordinator, session);
    if (!me) {
      if (!withToken) kept.forget(coordinator);
      throw new CommandFailed(`${coordinator.href} does not take this session. Nothing is kept.`);
    }
    if (withToken) await kept.keep(coordinator, session);
    const { name, role, account, expiresAt } = me;
    const file = kept.fileOf(coordinator);
    output.result(
      { event: "signed_in", name, role, account, coordinator: coordinator.href, expires_at: expiresAt, file },
      () => `Signed in at ${coordinator.href} as ${name} (${role}) until ${expiresAt}. The session is kept in ${file}.`,
    );
    return 0;
  },
});

async function sessionFromStdin(): Promise<string> {
  const session = sessionIn(await lineFromStdin("Paste the session, and press Enter."));
  if (session === undefined)
    throw new WrongUsage("The session on stdin must be darkbloom-session-… on the first line.");
  return session;
}
