import { openStore } from "@darkbloom/coordinator/adapters/open-store";
import { withAdmin } from "@darkbloom/coordinator/admin/client";
import { startCoordinator } from "@darkbloom/coordinator/start-coordinator";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CREDIT, entry, REQUESTS_PER_SEC } from "../answers.ts";
import { answerParent, argument } from "./answer-parent.ts";

/** The coordinator as it is deployed: SQLite on disk, log at its usual level, one key with much credit. With a URL of NATS one of several. */
const dataPath = argument(0);
const nats = process.argv[3];

const direct = {
  openStore: (path: string) => openStore(path, { clock: systemClock, onSweepError: () => undefined }),
  clock: systemClock,
  random: systemRandom,
  crypto: nodeCrypto,
};
const { apiKey } = await withAdmin(dataPath, direct, (admin) =>
  admin.createKey({ terms: { name: "bench" }, credit: CREDIT }),
);

// By this they are one network.
if (nats !== undefined) writeFileSync(join(dataPath, "network-key.hex"), `${"5".repeat(64)}\n`);

const coordinator = await startCoordinator({
  host: "127.0.0.1",
  port: 0,
  dataPath,
  nats,
  corsOrigins: [],
  trustProxy: false,
  minTrust: "self_signed",
  platformFeePercent: 10,
  requestsPerSec: REQUESTS_PER_SEC,
  requestsBurst: REQUESTS_PER_SEC,
  logLevel: "info",
  version: "bench",
  models: [entry],
});
answerParent({ port: coordinator.port, apiKey }, () => coordinator.stop({ drainMs: 0 }));
