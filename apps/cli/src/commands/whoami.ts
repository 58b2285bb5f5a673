import { command } from "../command.ts";
import { columns, outputOf } from "../output.ts";
import { KeptSessions, notSignedIn } from "../login/kept.ts";
import { whoIs } from "../login/me.ts";
import { sessionNeeds } from "../login/needs.ts";

export const whoami = command({
  path: "whoami",
  does: "Say who is signed in at a coordinator, with which role and account, and until when.",
  examples: ["whoami --coordinator https://api.example.com"],
  needs: sessionNeeds,
  async run({ coordinator, config, json }) {
    const me = await whoIs(coordinator, new KeptSessions(config).needed(coordinator));
    if (!me) throw notSignedIn("The session is over", coordinator);
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
