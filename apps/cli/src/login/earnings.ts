import type { EarningsGroup } from "@darkbloom/coordinator/ledger/earnings";
import * as z from "zod";
import { baseOf, jsonOf, publishedAt } from "../published.ts";
import { assertPrivate, notUnderstood, toldIn } from "./ask.ts";
import { EARNINGS_ANSWER_BYTES_MAX, SESSION_ANSWER_WAIT_MS } from "./limits.ts";

const answer = z.object({
  by: z.string(),
  from: z.iso.date(),
  to: z.iso.date(),
  data: z.array(
    z.object({
      of: z.string(),
      name: z.string().nullable(),
      answers: z.int(),
      prompt_tokens: z.int(),
      completion_tokens: z.int(),
      earned_micro_usd: z.string().regex(/^\d{1,19}$/),
      earned_usd: z.string(),
      payable_micro_usd: z.string().regex(/^\d{1,19}$/),
    }),
  ),
});
export type Earnings = z.infer<typeof answer>;

interface Asked {
  readonly by: EarningsGroup;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** Undefined where the coordinator takes the session no longer. @throws CommandFailed where it does not say */
export async function earningsAt(
  coordinator: URL,
  session: string,
  { by, from, to }: Asked,
): Promise<Earnings | undefined> {
  assertPrivate(coordinator);
  const query = new URLSearchParams({ by, ...(from !== undefined && { from }), ...(to !== undefined && { to }) });
  const shown = await publishedAt(new URL(`v1/me/earnings?${query.toString()}`, baseOf(coordinator)), {
    waitMsMax: SESSION_ANSWER_WAIT_MS,
    bytesMax: EARNINGS_ANSWER_BYTES_MAX,
    method: "GET",
    refusalsToo: true,
    headers: { authorization: `Bearer ${session}` },
  });
  if (shown.status === 401) return undefined;
  const body = jsonOf(shown);
  const read = answer.safeParse(body);
  if (shown.status !== 200 || !read.success) throw notUnderstood(coordinator, toldIn(shown.status, body));
  return read.data;
}
