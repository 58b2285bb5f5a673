import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "@darkbloom/protocol/bytes";
import type { JobId, RequestId } from "@darkbloom/protocol/ids";
import { entryBytes, receiptEntry } from "@darkbloom/protocol/log";
import { microUsd } from "@darkbloom/protocol/money";
import { nodeCrypto, openDataFolder } from "@darkbloom/protocol/node";
import type { ReceiptDocument } from "@darkbloom/protocol/receipts";
import { SimulatedClock } from "@darkbloom/testkit";
import { expect, it } from "vitest";
import { anna, lease, receiptOf, settlementOf, termsOf } from "../ledger/ledger.samples.ts";
import { OpenHolds } from "../ledger/open-holds.ts";
import type { HoldId } from "../ledger/settlement.ts";
import { timeOrderedId } from "../ledger/time-ordered-id.ts";
import { openDatabase } from "./database.ts";
import { LOG_RECEIPTS_PER_STEP_MAX } from "./log-tiles.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";
import { SqliteLog } from "./sqlite-log.ts";

const REQUESTS = 4_096;
const TOGETHER = 64;
const page = readFileSync(join(import.meta.dirname, "../../../../decisions/16-receipts-packed.md"), "utf8");

const hex = (bytes: number): string => randomBytes(bytes).toString("hex");
const base64 = (bytes: number): string => randomBytes(bytes).toString("base64");

/** As long as one that is signed, and as little alike. */
function signedReceipt(jobId: JobId, requestId: RequestId): ReceiptDocument {
  const sample = receiptOf(jobId);
  return {
    ...sample,
    receipt: {
      ...sample.receipt,
      request_id: requestId,
      request_sha256: hex(32),
      response_sha256: hex(32),
      provider_id: `prov_${hex(12)}`,
      identity_key: base64(65),
      evidence_sha256: hex(32),
    },
    provider_signature: base64(71),
    coordinator_signature: base64(64),
  };
}

/** Goal: an operator's disk lasts as long as the page says. Method: many answers with receipts of real length, as the ledger and the log write them; the bytes of the file for each. */
it("takes as much room for a request as decisions/16 says", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "room-"));
  await using data = await openDataFolder(join(folder.path, "data"), "coordinator");
  using database = await openDatabase(data);
  const clock = new SimulatedClock();
  const ports = { clock, random: { bytes: (length: number) => randomBytes(length), fraction: Math.random } };
  {
    await using ledger = new SqliteLedger(database, { lease, open: new OpenHolds() });
    await ledger.credit("credit_1", anna, microUsd(1_000_000n), 1);
    const log = new SqliteLog(database);
    for (let n = 0; n < REQUESTS; n += TOGETHER) {
      await clock.advance(100);
      const answers = Array.from({ length: TOGETHER }, async () => {
        const requestId = `req_${hex(16)}` as RequestId;
        const holdId = `hold_${timeOrderedId(ports)}` as HoldId;
        const id = timeOrderedId(ports);
        await ledger.hold({ ...termsOf("", 30n), holdId, requestId });
        const receipt = signedReceipt(`job_${id}` as JobId, requestId);
        const settlement = settlementOf(20n, { id, earned: 18n, receipt });
        const job = settlement.job && { ...settlement.job, receiptSha256: nodeCrypto.sha256(utf8(id)) };
        await ledger.settle(holdId, { ...settlement, ...(job && { job }) });
      });
      await Promise.all(answers);
      if (n % LOG_RECEIPTS_PER_STEP_MAX === 0)
        await log.append([], ({ sha256 }) => entryBytes(receiptEntry(nodeCrypto, sha256, randomBytes(32))));
    }
  }
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  const bytes = statSync(database.location() ?? "").size / REQUESTS;
  const [, said = "", requestsPerSec = "", gigabytes = ""] =
    /about ([\d.]+) kB of database.*at (ten) requests a second some\s+([\d.]+) GB in the 90 days/s.exec(page) ?? [];
  expect(requestsPerSec).toBe("ten");
  expect(bytes / (Number(said) * 1_000), `${bytes} bytes a request`).toBeCloseTo(1, 1);
  expect((Number(said) * 10 * 90 * 86_400) / 1e6).toBeCloseTo(Number(gigabytes), 0);
});
