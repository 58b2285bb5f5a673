import { AUDIT_ROWS_MAX } from "@darkbloom/coordinator/accounts/audit";
import { wholeNumber } from "./setting-readers.ts";

/** What the commands for accounts take beside what others take too; rows of the one table in `settings.ts`. */
export const accountSettings = {
  before: {
    value: "SEQ",
    means: "only entries before this one, whose number ended the page before",
    mustBe: "a whole number from 1",
    read: wholeNumber(1, Number.MAX_SAFE_INTEGER),
  },
  rows: {
    value: "N",
    means: "how many entries",
    mustBe: `a whole number from 1 to ${AUDIT_ROWS_MAX}`,
    read: wholeNumber(1, AUDIT_ROWS_MAX),
  },
} as const;
