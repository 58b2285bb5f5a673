/**
 * Holds and settles until it is killed, several requests at a time, and prints every answer once it has
 * it: `HELD hold`, then `SETTLED hold charge`. For `sqlite-ledger.crash.test.ts`, which passes the data
 * folder and a prefix for this round's ids.
 */
import { writeSync } from "node:fs";
import { microUsd } from "@darkbloom/protocol/money";
import { openDataFolder } from "@darkbloom/protocol/node";
import { leaseOf } from "../ledger/lease.ts";
import { settlementOf, termsOf } from "../ledger/ledger.samples.ts";
import { LOG_OF_DATABASE_FILE } from "./database-file.ts";
import { openDatabase } from "./database.ts";
import { DiskSync } from "./disk-sync.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

const [path, prefix] = process.argv.slice(2);
if (path === undefined || prefix === undefined) throw new Error("usage: crash-child FOLDER PREFIX");

const AT_A_TIME = 8;
const STDOUT = 1;
// A synchronous write: what was printed is in the pipe, whatever happens to this process next.
const print = (line: string): void => void writeSync(STDOUT, `${line}\n`);

await using folder = await openDataFolder(path, "coordinator");
const lease = leaseOf("tested", prefix);
const database = await openDatabase(folder);
await using disk = new DiskSync(folder.file(LOG_OF_DATABASE_FILE));
const ledger = new SqliteLedger(database, { lease, disk });
print("READY");

for (let n = 0; ; n += AT_A_TIME)
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async (_, at) => {
      const name = `${prefix}_${n + at}`;
      const charge = microUsd(BigInt(at + 1));
      await ledger.hold(termsOf(name, 10n));
      print(`HELD ${name}`);
      // One hold of each batch stays open when this ends.
      if (at === 0) return;
      print(
        `SETTLED ${name} ${await ledger.settle(termsOf(name, 10n).holdId, settlementOf(charge, { id: name, earned: charge }))}`,
      );
    }),
  );
