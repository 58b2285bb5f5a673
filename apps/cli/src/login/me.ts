import { ask, notUnderstood } from "./ask.ts";

/** Whose a session is, and until when. */
export interface Me {
  readonly name: string;
  readonly role: string;
  readonly account: string;
  readonly expiresAt: string;
}

/** Undefined where the coordinator takes the session no longer. @throws CommandFailed where it does not say */
export async function whoIs(coordinator: URL, session: string): Promise<Me | undefined> {
  const told = await ask(coordinator, "v1/me", { method: "GET", session });
  if (told.status === 401) return undefined;
  const [name, role, account] = [told.text("name"), told.text("role"), told.text("account")];
  const expiresAt = told.below("session").text("expires_at");
  if (
    told.status !== 200 ||
    name === undefined ||
    role === undefined ||
    account === undefined ||
    expiresAt === undefined
  )
    throw notUnderstood(coordinator, told);
  return { name, role, account, expiresAt };
}

/** False where it was over before. @throws CommandFailed where the coordinator does not say that it is over */
export async function endSession(coordinator: URL, session: string): Promise<boolean> {
  const told = await ask(coordinator, "v1/me/sessions/current", { method: "DELETE", session });
  if (told.status === 401 || told.status === 404) return false;
  if (told.status !== 200) throw notUnderstood(coordinator, told);
  return true;
}
