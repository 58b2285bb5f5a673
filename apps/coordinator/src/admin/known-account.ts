import type { AccountId } from "@darkbloom/protocol/ids";
import type { Accounts } from "../accounts/port.ts";
import { AdminError } from "./fault.ts";

/** An account that an operator named: one that a key belongs to, even a revoked one. @throws AdminError for any other */
export async function knownAccount(accounts: Accounts, named: string): Promise<AccountId> {
  // An id is only a name to look up; an unknown one finds nothing.
  const [key] = await accounts.list(named as AccountId, { rows: 1 });
  if (key) return key.account;
  throw new AdminError("unknown_account", "No key belongs to this account. 'darkbloom keys list' shows every account.");
}
