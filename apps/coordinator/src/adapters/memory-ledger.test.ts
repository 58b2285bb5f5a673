import { ledgerContract } from "../ledger/ledger.contract.ts";
import { MemoryLedger } from "./memory-ledger.ts";

ledgerContract("in memory", async () => ({
  ledger: new MemoryLedger(),
  [Symbol.asyncDispose]: async () => undefined,
}));
