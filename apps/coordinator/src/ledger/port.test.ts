import { NetworkError } from "@darkbloom/protocol/failures";
import { expect, it } from "vitest";
import { isStorageFailure } from "./port.ts";

/** Goal: only where the storage took nothing is anything tried again. Method: that failure, another of the table, and an error of ours. */
it("knows a failure of the storage", () => {
  const full = new NetworkError({ code: "storage_unavailable", fault: "disk_full", retryAfterSec: 5 });
  expect(isStorageFailure(full)).toBe(true);
  expect(
    isStorageFailure(new NetworkError({ code: "insufficient_funds", neededMicroUsd: 2n, availableMicroUsd: 1n })),
  ).toBe(false);
  expect(isStorageFailure(new RangeError("a settlement without a hold"))).toBe(false);
});
