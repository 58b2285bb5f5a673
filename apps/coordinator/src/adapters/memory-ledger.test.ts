import { idempotencyContract } from "../ledger/idempotency.contract.ts";
import { ledgerContract } from "../ledger/ledger.contract.ts";
import { MemoryLedger } from "./memory-ledger.ts";

const open = async () => ({ ledger: new MemoryLedger(), [Symbol.asyncDispose]: async () => undefined });

ledgerContract("in memory", open);
idempotencyContract("in memory", open);
