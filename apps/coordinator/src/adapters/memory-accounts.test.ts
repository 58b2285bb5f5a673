import { accountsContract } from "../accounts/accounts.contract.ts";
import { MemoryAccounts } from "./memory-accounts.ts";

accountsContract("in memory", async () => new MemoryAccounts());
