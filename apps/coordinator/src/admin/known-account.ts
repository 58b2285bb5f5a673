import type { AccountId } from "@darkbloom/protocol/ids";
import type { People } from "../accounts/people.ts";
import type { Accounts } from "../accounts/port.ts";
import type { Teams } from "../accounts/teams.ts";
import { AdminError } from "./fault.ts";

interface Known {
  readonly accounts: Accounts;
  readonly people: People;
  readonly teams: Teams;
}

/** An account that an operator named: somebody's, a team's, or one that a key belongs to, even a revoked one. @throws AdminError for any other */
export async function knownAccount({ accounts, people, teams }: Known, named: string): Promise<AccountId> {
  // An id is only a name to look up; an unknown one finds nothing.
  const account = named as AccountId;
  const [key] = await accounts.list(account, { rows: 1 });
  if (key || (await people.personOf(account)) || (await teams.team(account))) return account;
  throw new AdminError(
    "unknown_account",
    "Nobody has this account, and no key belongs to it. 'darkbloom keys list' and 'account list' show every account.",
  );
}
