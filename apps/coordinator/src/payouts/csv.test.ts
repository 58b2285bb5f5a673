import { microUsd } from "@darkbloom/protocol/money";
import { describe, expect, it } from "vitest";
import { anna } from "../ledger/ledger.samples.ts";
import { payoutsCsv } from "./csv.ts";
import { isPayTo, PAY_TO_CHARS_MAX, type WithdrawalId } from "./withdrawals.ts";

describe("payouts as CSV", () => {
  /** Goal: nobody's words end a cell or a line. Method: quotes, commas; one that is over. */
  it("quotes where one is paid", () => {
    const row = {
      withdrawalId: "withdrawal_1" as WithdrawalId,
      account: anna,
      amount: microUsd(1_500_000n),
      createdAt: 0,
      state: "sent",
      changedAt: 1,
      payTo: 'IBAN 1, "Anna"',
      isBooked: false,
    } as const;
    expect(payoutsCsv([row, { ...row, state: "paid", payTo: null }])).toBe(
      "withdrawal_id,account,amount_usd,asked_at,state,pay_to\r\n" +
        'withdrawal_1,acct_anna,1.50,1970-01-01T00:00:00.000Z,sent,"IBAN 1, ""Anna"""\r\n' +
        'withdrawal_1,acct_anna,1.50,1970-01-01T00:00:00.000Z,paid,""\r\n',
    );
  });

  /** Goal: no spreadsheet takes it for a formula, and no terminal is moved by it. Method: beginnings that are formulas, controls, lengths; addresses as they are. */
  it.each<[text: string, isGood: boolean]>([
    ["DE89 3704 0044 0532 0130 00, Anna Müller", true],
    ["paypal: anna+pay@example.com", true],
    ["株式会社, 普通 1234567", true],
    ["x".repeat(PAY_TO_CHARS_MAX), true],
    ["x".repeat(PAY_TO_CHARS_MAX + 1), false],
    ["", false],
    [" x", false],
    ["=1+1", false],
    ["+49 1", false],
    ["-1", false],
    ["@x", false],
    ["a\nb", false],
    ["IBAN;=1+1", false],
    ["\u3164", false],
    ["a\u034fb", false],
    ["a\ufe0f", false],
    ["a\tb", false],
    ["a\u001b[2J", false],
    ["a\u202eb", false],
    ["a\ud800", false],
  ])("takes %j: %s", (text, isGood) => {
    expect(isPayTo(text)).toBe(isGood);
  });
});
