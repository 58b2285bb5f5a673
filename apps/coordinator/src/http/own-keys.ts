import * as z from "zod";
import { KEY_OVERLAP_MS_MAX, KEY_ROWS_MAX } from "../accounts/key-admin.ts";
import { keyTermsSchema } from "../accounts/key-terms.ts";
import { keyUsageShape } from "../accounts/key-usage.ts";

/** A key as its account sees it. */
export const shownKey = z.object({
  id: z.string(),
  label: z.string().describe("The key's first and last characters"),
  account: z.string(),
  created_by: z.string().nullable().describe("Who made it, where somebody with a session did"),
  ...keyTermsSchema.shape,
  ...keyUsageShape,
  created_at: z.iso.datetime(),
  last_used_at: z.iso.datetime().nullable().describe("To within five minutes"),
});

/** The same for who is signed in, to whom revoked keys are shown as well. */
export const ownKey = shownKey.extend({ revoked_at: z.iso.datetime().nullable() });
export type OwnKey = z.infer<typeof ownKey>;
export const ownKeys = z.object({ data: z.array(ownKey), has_more: z.boolean().describe("Whether a page follows") });
export const page = z.object({
  limit: z.coerce.number().int().min(1).max(KEY_ROWS_MAX).default(KEY_ROWS_MAX),
  after: z.string().optional().describe("The `id` of the last key of the page before"),
});
export const keyWithSecret = z.object({ key: z.string().describe("Shown this once"), data: ownKey });
export type KeyWithSecret = z.infer<typeof keyWithSecret>;
/** Of `GET /v1/payments/balance`, what a list of keys shows beside them. */
export const spendable = z.object({ balance_usd: z.string() });
export const rotation = z
  .strictObject({
    overlap_ms: z.int().min(0).max(KEY_OVERLAP_MS_MAX).describe("For how long the present secret goes on"),
  })
  .partial();
