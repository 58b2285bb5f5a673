import { readFileSync, statSync } from "node:fs";
import type { StripeAccess } from "@darkbloom/coordinator/adapters/stripe-payments";
import { CLEARING_DAYS_MAX } from "@darkbloom/coordinator/ledger/clearing";
import { DEPOSIT_MICRO_USD_MIN } from "@darkbloom/coordinator/payments/port";
import { payoutWays } from "@darkbloom/coordinator/payouts/withdrawals";
import { formatUsd, parseUsd, type MicroUsd } from "@darkbloom/protocol/money";
import { WrongUsage } from "./failure.ts";
import { isLoopback } from "./listening.ts";
import { anyText, oneOf, oneOfWords, wholeNumber } from "./setting-readers.ts";

/** Stripe's own bound for one payment in US dollars. */
const CARD_MICRO_USD_MAX = 999_999_990_000n;
/** Far above any key, or the few secrets of a rotation. */
const SECRET_FILE_BYTES_MAX = 4 * 1024;

/** Rows of `settings.ts` about money. */
export const paymentSettings = {
  amount: {
    value: "USD",
    means: "how much to credit",
    mustBe: "an amount in USD with up to six decimals, e.g. 1.50",
    read: parseUsd,
  },
  clearingDays: {
    value: "N",
    means: "how many whole days must have passed before what a machine earned may be withdrawn",
    mustBe: `a whole number from 1 to ${CLEARING_DAYS_MAX}`,
    read: wholeNumber(1, CLEARING_DAYS_MAX),
  },
  credit: {
    value: "USD",
    means: "the starting credit",
    mustBe: "an amount in USD with up to six decimals, e.g. 5.00",
    read: parseUsd,
  },
  depositMax: {
    value: "USD",
    means: "the most that one payment may be",
    mustBe: `an amount in USD from ${formatUsd(DEPOSIT_MICRO_USD_MIN)} to ${formatUsd(CARD_MICRO_USD_MAX)}`,
    read: depositMax,
  },
  payouts: {
    value: "HOW",
    means: "how what machines earned is paid out: not at all, or by the operator's own hand",
    mustBe: oneOfWords(payoutWays),
    read: oneOf(payoutWays),
  },
  stripeApi: {
    value: "URL",
    means: "where Stripe's API is, for tests: the key goes there",
    mustBe: "a URL that begins with https://, or with http:// and is of this machine",
    read: stripeApi,
  },
  stripeKeyFile: {
    value: "FILE",
    means: "a file with Stripe's secret key (sk_… or rk_…), with which people can pay by card",
    mustBe: "a path",
    read: anyText,
  },
  stripeWebhookFile: {
    value: "FILE",
    means: "a file with the signing secrets (whsec_…) of Stripe's webhook endpoint, one a line, the newest first",
    mustBe: "a path",
    read: anyText,
  },
} as const;

/**
 * What a coordinator needs to take payments; undefined where nothing of it is set.
 *
 * @throws WrongUsage for a file that does not hold it; nothing of what it holds is told
 */
export function readStripe(named: {
  readonly stripeKeyFile: string | undefined;
  readonly stripeWebhookFile: string | undefined;
  readonly stripeApi: string | undefined;
}): StripeAccess | undefined {
  const { stripeKeyFile: keyFile, stripeWebhookFile: webhookFile, stripeApi: apiBase } = named;
  if (keyFile === undefined) {
    if (webhookFile === undefined && apiBase === undefined) return undefined;
    throw new WrongUsage("--stripe-webhook-file and --stripe-api are of no use without --stripe-key-file.");
  }
  const [key, ...more] = linesOf("--stripe-key-file", keyFile);
  if (key === undefined || more.length > 0 || !/^[sr]k_(test|live)_\w+$/.test(key))
    throw new WrongUsage(`--stripe-key-file names ${keyFile}, which does not hold one secret key of Stripe's.`);
  const webhookSecrets = webhookFile === undefined ? [] : linesOf("--stripe-webhook-file", webhookFile);
  if (webhookFile !== undefined && (webhookSecrets.length === 0 || !webhookSecrets.every(isWebhookSecret)))
    throw new WrongUsage(
      `--stripe-webhook-file names ${webhookFile}, which does not hold signing secrets (whsec_…), one a line.`,
    );
  return { key, webhookSecrets, apiBase };
}

export const noWebhookNote =
  "Note: without --stripe-webhook-file Stripe cannot say that somebody paid: payments are found by asking, minutes to hours later.";

const isWebhookSecret = (line: string): boolean => /^whsec_[\w+/=-]+$/.test(line);

function linesOf(flag: string, path: string): string[] {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new WrongUsage(`${flag} names ${path}, and there is no such file.`);
  if (size > SECRET_FILE_BYTES_MAX) throw new WrongUsage(`${flag} names ${path}, which is too large to be meant.`);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new WrongUsage(`${flag} names ${path}, which cannot be read.`);
  }
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function depositMax(given: string): MicroUsd | undefined {
  const amount = parseUsd(given);
  return amount !== undefined && amount >= DEPOSIT_MICRO_USD_MIN && amount <= CARD_MICRO_USD_MAX ? amount : undefined;
}

function stripeApi(given: string): string | undefined {
  const url = URL.parse(given);
  if (!url || url.pathname !== "/" || url.search !== "" || url.hash !== "" || url.username !== "") return undefined;
  const isOwn = url.protocol === "http:" && isLoopback(url.hostname.replace(/^\[(.*)\]$/, "$1"));
  return isOwn || url.protocol === "https:" ? url.origin : undefined;
}
