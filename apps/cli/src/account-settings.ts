import { AUDIT_ROWS_MAX, leavingReasons } from "@darkbloom/coordinator/accounts/audit";
import { withdrawalStates } from "@darkbloom/coordinator/payouts/withdrawals";
import { earningsGroups } from "@darkbloom/coordinator/ledger/earnings";
import { parseUsd } from "@darkbloom/protocol/money";
import { anyText, oneOf, oneOfWords, wholeNumber, yesOrNo } from "./setting-readers.ts";
import { openIdSettings } from "./open-id-settings.ts";
import { signInSettings } from "./sign-in-settings.ts";

const A_DAY = "a day such as 2026-01-31";

function day(text: string): string | undefined {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text) : Number.NaN;
  // Some days that are in no month are taken for one of the next.
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text) ? text : undefined;
}

/** What the commands for accounts take beside what others take too; rows of the one table in `settings.ts`. */
export const accountSettings = {
  ...openIdSettings,
  ...signInSettings,
  before: {
    value: "SEQ",
    means: "only entries before this one, whose number ended the page before",
    mustBe: "a whole number from 1",
    read: wholeNumber(1, Number.MAX_SAFE_INTEGER),
  },
  beforeId: {
    value: "ID",
    means: "only what is older than this one, which ended the page before",
    mustBe: "an id",
    read: anyText,
  },
  by: {
    value: "WHAT",
    means: "what earnings are told apart by",
    mustBe: oneOfWords(earningsGroups),
    read: oneOf(earningsGroups),
  },
  forfeit: {
    value: "USD",
    means: "how much money goes with an account that is erased without asking, exactly",
    mustBe: "an amount in USD with up to six decimals, e.g. 1.50",
    read: parseUsd,
  },
  from: { value: "DAY", means: "the first UTC day; 30 days ago where nothing is said", mustBe: A_DAY, read: day },
  to: { value: "DAY", means: "the last UTC day; today where nothing is said", mustBe: A_DAY, read: day },
  config: {
    value: "DIR",
    means: "the folder below which sessions are kept; without it $XDG_CONFIG_HOME/darkbloom or ~/.config/darkbloom",
    mustBe: "a path",
    read: anyText,
  },
  csv: {
    means: "write CSV, as a spreadsheet or a bank takes it",
    mustBe: "true or false",
    read: yesOrNo,
  },
  own: {
    means: "the keys of your own account alone, as a member has them anyway; with --coordinator",
    mustBe: "true or false",
    read: yesOrNo,
  },
  reason: {
    value: "WHY",
    means:
      "why this is done to somebody: they have asked for it, they have left, or a law demands it; the audit log keeps it",
    mustBe: oneOfWords(leavingReasons),
    read: oneOf(leavingReasons),
  },
  rows: {
    value: "N",
    means: "how many entries",
    mustBe: `a whole number from 1 to ${AUDIT_ROWS_MAX}`,
    read: wholeNumber(1, AUDIT_ROWS_MAX),
  },
  state: {
    value: "STATE",
    means: "only withdrawals that stand so",
    mustBe: oneOfWords(withdrawalStates),
    read: oneOf(withdrawalStates),
  },
  withToken: {
    means: "read a session from stdin in place of asking for one",
    mustBe: "true or false",
    read: yesOrNo,
  },
} as const;
