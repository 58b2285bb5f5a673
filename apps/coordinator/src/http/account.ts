import { NetworkError } from "@darkbloom/protocol/failures";
import type { JobId } from "@darkbloom/protocol/ids";
import { receiptDocument } from "@darkbloom/protocol/receipts";
import * as z from "zod";
import { tellTerms } from "../accounts/key-terms.ts";
import { tellUsage, usageOf, type KeyUsage } from "../accounts/key-usage.ts";
import type { KeyRecord } from "../accounts/port.ts";
import { callerOf } from "./access.ts";
import type { Door, Route } from "./door.ts";
import { shownKey } from "./own-keys.ts";
import { nameIn } from "./path-name.ts";

export const tellKey = ({ deps }: Door, key: KeyRecord & { readonly usage: KeyUsage }): z.infer<typeof shownKey> => ({
  id: key.keyId,
  label: key.label,
  account: key.account,
  created_by: key.createdBy,
  ...tellTerms(key),
  ...tellUsage(key.usage),
  provider_serials: key.pins.map((pin) => deps.serials.ofPin(pin)),
  created_at: new Date(key.createdAt).toISOString(),
  last_used_at: key.lastUsedAt === null ? null : new Date(key.lastUsedAt).toISOString(),
});

/** `GET /v1/key`: what a key can learn of itself. */
export const showKey = (door: Door): Route => ({
  schema: {
    summary: "The key that this request is made with",
    tags: ["account"],
    response: { 200: shownKey },
  },
  config: { access: "key", limit: "rate" },
  handler: async (request): Promise<z.infer<typeof shownKey>> => {
    const key = callerOf(request);
    return tellKey(door, { ...key, usage: await usageOf(door.deps.ledger, key, door.deps.clock.now()) });
  },
});

const receiptParams = z.object({ job_id: z.string().describe("From `x-inference-job-id`") });

/** `GET /v1/receipts/{job_id}`, for the account that paid. */
export const showReceipt = (door: Door): Route => ({
  schema: {
    summary: "The receipt of one answer, for 90 days unless the operator says otherwise",
    tags: ["account"],
    params: receiptParams,
    response: { 200: receiptDocument },
  },
  config: { access: "key or session", limit: "rate", fails: ["receipt_not_found"] },
  handler: async (request, reply) => {
    const { account } = callerOf(request);
    const job_id = nameIn(request, "job_id", { code: "receipt_not_found" });
    const document = await door.deps.ledger.receipt(account, job_id as JobId, door.deps.clock.now());
    if (!document) throw new NetworkError({ code: "receipt_not_found" });
    const log = await door.deps.log?.receipt(job_id as JobId);
    // As it is kept: a schema would drop fields that it does not know, and the signatures with them.
    return reply.type("application/json; charset=utf-8").send(JSON.stringify({ ...document, ...(log && { log }) }));
  },
});
