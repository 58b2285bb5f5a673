import { join } from "node:path";
import { openStore } from "@darkbloom/coordinator/adapters/open-store";
import type { AccountId } from "@darkbloom/protocol/ids";
import { systemClock } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import { earn } from "../../coordinator/src/payouts/earned.samples.ts";
import { darkbloom, Running, temporaryFolder } from "./binary.ts";

const PAY_TO = 'IBAN DE00, "Otto"';

/**
 * Goal: what was earned is withdrawn and paid by the words of the docs, and where it is paid is told no log. Method: the real program: ask over HTTP, take and mark by
 * commands while it runs and while it does not; CSV, JSON, what it says of mistakes.
 */
it("pays out what was earned", { timeout: 120_000 }, async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "data");
  const at = ["--data", data];
  {
    await using before = new Running(["coordinator", "--port", "0", ...at, "--json"]);
    await before.ready;
    const { stdout } = await darkbloom(["account", "link", ...at, "--json"]);
    process.kill(before.pid, "SIGTERM");
    await before.ended;
    await using store = await openStore(data, { clock: systemClock, onSweepError: () => undefined });
    const { account } = JSON.parse(stdout) as { account: AccountId };
    await earn(store.ledger, account, 9_000_000n, Date.now() - 60 * 86_400_000);
  }
  await using running = new Running(["coordinator", "--port", "0", ...at, "--payouts", "manual", "--json"]);
  const { base_url: origin } = await running.ready;
  const { sign_in_url: link } = JSON.parse(JSON.stringify(running.lines[0])) as { sign_in_url: string };
  const signedIn = await fetch(`${origin}/sign-in/link`, {
    method: "POST",
    redirect: "manual",
    headers: { origin, "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ secret: link.split("/").at(-1) ?? "" }),
  });
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  const ask = async (amount_usd: string) => {
    const response = await fetch(`${origin}/v1/payments/withdrawals`, {
      method: "POST",
      headers: { "content-type": "application/json", origin, cookie },
      body: JSON.stringify({ amount_usd, pay_to: PAY_TO }),
    });
    return (await response.json()) as { readonly id: string; readonly error?: { readonly code: string } };
  };
  const first = await ask("5.00");
  // Ids of one millisecond have no order.
  await systemClock.sleep(2);
  const second = await ask("3.00");
  expect((await ask("2.00")).error?.code).toBe("not_withdrawable");

  const account = (...words: string[]) => darkbloom(["account", ...words, ...at]);
  expect((await account("payouts", "--state", "asked")).stdout).toContain("5.000000");
  expect(await account("take-payouts", "--csv", "--json")).toMatchObject({ code: 2, stdout: "" });
  const taken = await account("take-payouts", "--rows", "1", "--csv");
  expect(taken.stdout.split("\r\n")).toEqual([
    "withdrawal_id,account,amount_usd,asked_at,state,pay_to",
    expect.stringMatching(new RegExp(`^${first.id},acct_[0-9a-f]+,5\\.00,[^,]+Z,sent,"IBAN DE00, ""Otto"""$`)),
    "",
  ]);
  expect(taken.stderr).toContain("account mark-paid ID");
  expect(await account("mark-paid", first.id)).toMatchObject({
    code: 0,
    stdout: `${first.id}: 5.000000 USD are paid.\n`,
  });
  expect(await account("mark-failed", first.id)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("This withdrawal is paid, which lasts."),
  });
  process.kill(running.pid, "SIGTERM");
  expect(await running.ended).toBe(0);

  expect((await account("mark-failed", second.id)).stdout).toContain("are back in the balance of who asked for them.");
  const listed = (await account("payouts", "--json")).stdout.trim().split("\n");
  expect(listed.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { withdrawal_id: second.id, state: "failed", amount_usd: "3.000000", pay_to: null },
    { withdrawal_id: first.id, state: "paid", amount_micro_usd: "5000000", pay_to: null },
  ]);
  expect((await account("take-payouts")).stdout).toBe("No withdrawal waits.\n");
  expect((await account("mark-paid", "withdrawal_none")).stderr).toContain("There is no such withdrawal");
  expect((await darkbloom(["ledger", "check", ...at])).code).toBe(0);
  expect(running.stderr + JSON.stringify(running.lines)).not.toContain("IBAN");
});
