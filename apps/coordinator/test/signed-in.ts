import type { AccountId, PersonId } from "@darkbloom/protocol/ids";
import type { Person, Role, SessionKind } from "../src/accounts/people.ts";
import { openSession, type SessionTools } from "../src/accounts/sessions.ts";

export const personOf = (name: string, role: Role = "member"): Person => ({
  personId: `person_${name}` as PersonId,
  name,
  mail: null,
  role,
  account: `acct_${name}` as AccountId,
  createdAt: 1,
  disabledAt: null,
});

/** Somebody with a session. */
export async function signIn(tools: SessionTools, person: Person, kind: SessionKind = "cli") {
  await tools.people.add(person);
  const { secret, session } = await openSession(tools, person, { kind, client: "darkbloom on a laptop" });
  return { person, session, secret, bearer: { authorization: `Bearer ${secret}` } };
}
