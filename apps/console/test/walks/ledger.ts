import { expect, it } from "vitest";
import type { Kit } from "../kit.ts";

export default function ledger(kit: () => Kit): void {
  /** Goal: what is wrong in the books is seen, in words. Method: the real check, and one whose answer names a fault. */
  it("runs the check, and tells what it finds", async () => {
    await using opened = await kit().open("/console/ledger", { isSignedIn: true });
    const { page, faults } = opened;
    await page.getByRole("button", { name: "Run the check" }).click();
    await page.getByText("Every figure is what its entries come to.").waitFor();
    const fault = { account: "acct_<b>1</b>", part: "held", off_by: "-1500000" };
    await page.route("**/v1/admin/ledger/check", (route) => route.fulfill({ json: { faults: [fault] } }));
    await page.getByRole("button", { name: "Run the check" }).click();
    await page.getByText("One figure is not what the entries come to.").waitFor();
    await page.getByRole("row", { name: "acct_<b>1</b> what is held −$1.50" }).waitFor();
    expect(faults).toEqual([]);
  });
}
