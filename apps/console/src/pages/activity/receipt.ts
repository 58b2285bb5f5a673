import type { Verification } from "@darkbloom/client";
import { queryOptions } from "@tanstack/react-query";
import { answered, api, ApiError } from "../../api/client.ts";

/** The receipt of an answer, checked in this browser; null: there is none. */
export const receiptQuery = (jobId: string) =>
  queryOptions({
    queryKey: ["receipt", jobId],
    queryFn: async (): Promise<Verification | null> => {
      try {
        const { receipt } = await answered(api.GET("/v1/receipts/{job_id}", { params: { path: { job_id: jobId } } }));
        const { darkbloomFor } = await import("../../api/darkbloom.ts");
        return (await darkbloomFor(receipt.privacy).receiptOf(jobId)) ?? null;
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
  });

/**
 * - `holds`: everything holds, and the machine is known now
 * - `alone`: the signatures hold, but no machine that is connected shows the key that signed
 * - `false`: something of it is not as it must be
 */
export type ReceiptVerdict = "holds" | "alone" | "false";

/** What a receipt shows by itself; what its machine shows besides has its own steps. */
const own = /^(receipt|coordinator|log)\./;

export function verdictOn({ steps, machine }: Pick<Verification, "steps" | "machine">): ReceiptVerdict {
  if (steps.some(({ id, status }) => own.test(id) && status === "fail")) return "false";
  if (!machine) return "alone";
  return steps.some(({ id, status }) => id === "machine.accepted" && status === "fail") ? "alone" : "holds";
}
