import { command } from "../command.ts";
import { CommandFailed } from "../failure.ts";
import { columns, outputOf } from "../output.ts";
import { KeptSessions } from "../login/kept.ts";
import { whoIs } from "../login/me.ts";
import { sessionNeeds } from "../login/needs.ts";

export const whoami = command({
  path: "whoami",
  does: "Say who is signed in at a coordinator, with which role and account, and until when.",
  examples: ["whoami --coordinator https://api.example.com"],
  needs: sessionNeeds,
  async run({ coordinator, config, json }) {
    const session = new KeptSessions(config).at(coordinator);
    const me = session === undefined ? undefined : await whoIs(coordinator, session);
    if (!me) {
      const why = session === undefined ? "Nobody is signed in" : "The session is over";
      throw new CommandFailed(`${why} at ${coordinator.href}. Run darkbloom login --coordinator ${coordinator.href}`);
    }
    const { name, role, account, expiresAt } = me;
    outputOf(json).result({ name, role, account, coordinator: coordinator.href, expires_at: expiresAt }, () =>
      columns([
        ["name", name],
        ["role", role],
        ["account", account],
        ["coordinator", coordinator.href],
        ["until", expiresAt],
      ]),
    );
    return 0;
  },
});
