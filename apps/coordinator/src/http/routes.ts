import { endpoints } from "@darkbloom/protocol/dialects";
import type { FastifyInstance } from "fastify";
import { showKey, showReceipt } from "./account.ts";
import type { Door } from "./door.ts";
import { showGuide, showPointer } from "./guide.ts";
import { infer } from "./infer.ts";
import { LOG_PREFIX, showCheckpoint, showTile } from "./log.ts";
import { listModels, oneModel } from "./models.ts";
import { listPrices, listUsage, showBalance } from "./money.ts";
import { showOpenApi } from "./openapi.ts";
import { showHealth, showMetrics, showReady } from "./operations.ts";
import { listAttestations, showWellKnown } from "./transparency.ts";

/** Every route there is. `GET /ws/provider` is a WebSocket and enters through `ws/provider.ts`; Responses over one through `sockets.ts`. */
export function addRoutes(app: FastifyInstance, door: Door): void {
  for (const endpoint of endpoints) app.post(endpoint, infer(door, endpoint));

  app.get("/v1/models", listModels(door));
  app.get("/v1/models/*", oneModel(door));
  app.get("/v1/pricing", listPrices(door));
  app.get("/v1/payments/balance", showBalance(door));
  app.get("/v1/payments/usage", listUsage(door));
  app.get("/v1/key", showKey(door));
  app.get("/v1/receipts/:job_id", showReceipt(door));

  app.get("/v1/providers/attestation", listAttestations(door));
  app.get("/.well-known/darkbloom", showWellKnown(door));
  app.get(`${LOG_PREFIX}/checkpoint`, showCheckpoint(door));
  app.get(`${LOG_PREFIX}/tile/*`, showTile(door));

  app.get("/health", showHealth(door));
  app.get("/readyz", showReady(door));
  app.get("/metrics", showMetrics(door));

  app.get("/", showPointer(door));
  app.get("/llms.txt", showGuide(door));
  app.get("/openapi.json", showOpenApi(app));
}
