import { expect, it } from "vitest";
import type { Kit } from "../kit.ts";

export default function credits(kit: () => Kit): void {
  /** Goal: where nobody can pay in, that is said, and what to do. Method: the real coordinator, which has no key of Stripe's. */
  it("says that payments are not set up", async () => {
    await using opened = await kit().open("/console/credits", { isSignedIn: true });
    await opened.page.getByText("Payments are not set up here").waitFor();
    await opened.page.getByText("npx darkbloom credit --account acct_").waitFor();
    await opened.page.getByText("Nothing was paid in yet").waitFor();
    expect(opened.faults).toEqual([]);
  });

  /**
   * Goal: somebody who pays sees when it is on the account. Method: the coordinator's answers as one with Stripe has them: a wrong
   * amount, a payment's page, and a payment that is open, then paid.
   */
  it("leads to the payment, and asks until it is on the account", async () => {
    await using opened = await kit().open("/console/network", { isSignedIn: true });
    const { page, faults } = opened;
    const told = { session_id: "cs_1", url: `${kit().base}/deposit?done`, amount_usd: "10.00", amount_micro_usd: 1e7 };
    let state = "open";
    await page.route("**/v1/billing/stripe/session?*", (route) =>
      route.request().url().endsWith("id=none")
        ? route.fulfill({ status: 404, json: { error: { message: "No.", code: "deposit_not_found" } } })
        : route.fulfill({ json: { ...told, state } }),
    );
    await page.route("**/v1/billing/stripe/create-session", (route) =>
      route.request().postData()?.includes('"0.1"') === true
        ? route.fulfill({ status: 400, json: { error: { message: "From 50 cents.", code: "body_invalid" } } })
        : route.fulfill({ json: told }),
    );
    await page.goto(`${kit().base}/console/credits`);
    await page.getByLabel("USD").fill("0.1");
    await page.getByRole("button", { name: "Go to the payment" }).click();
    await page.getByText("From 50 cents.").waitFor();
    await page.getByRole("button", { name: "$10.00" }).click();
    await page.getByRole("button", { name: "Go to the payment" }).click();
    await page.getByText("It is asked whether $10.00 is paid").waitFor();
    expect(page.url()).toBe(`${kit().base}/console/credits?payment=done`);
    state = "paid";
    await page.getByText("$10.00 is on your account").waitFor();
    await page.goto(`${kit().base}/deposit?cancelled`);
    await page.getByText("The payment was called off").waitFor();
    expect(faults).toEqual([]);
  });
}
