import { command } from "../command.ts";
import { outputOf } from "../output.ts";
import { KeptSessions } from "../login/kept.ts";
import { endSession } from "../login/me.ts";
import { sessionNeeds } from "../login/needs.ts";
import { CommandFailed } from "../failure.ts";

export const logout = command({
  path: "logout",
  does: "End this user's session at a coordinator, and delete its file.",
  examples: ["logout --coordinator https://api.example.com"],
  needs: sessionNeeds,
  async run({ coordinator, config, json }) {
    const kept = new KeptSessions(config);
    const session = kept.at(coordinator);
    const wasOpen = session !== undefined && (await ended(coordinator, session, kept.fileOf(coordinator)));
    kept.forget(coordinator);
    outputOf(json).result({ coordinator: coordinator.href, ended: wasOpen }, () => {
      if (session === undefined) return `Nobody is signed in at ${coordinator.href} here.`;
      return wasOpen ? `Signed out at ${coordinator.href}.` : `The session at ${coordinator.href} was over already.`;
    });
    return 0;
  },
});

/** A session that may go on is not forgotten: without its file nobody could end it from here. */
async function ended(coordinator: URL, session: string, file: string): Promise<boolean> {
  try {
    return await endSession(coordinator, session);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new CommandFailed(`${error.message} The session may go on, so ${file} stays.`, { cause: error });
  }
}
