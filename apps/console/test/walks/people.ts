import { expect, it } from "vitest";
import { get } from "../../../../packages/testkit/test/running.ts";
import { posted, type Kit } from "../kit.ts";

export default function people(kit: () => Kit): void {
  /** Goal: an operator shuts somebody out. Method: somebody from a directory, whose key is good until they are disabled in the page. */
  it("disables somebody, and lets them in again", async () => {
    await using opened = await kit().open("/console/people", { isSignedIn: true });
    const { page, faults } = opened;
    await page.getByRole("img", { name: "Shown live" }).waitFor();
    const schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
    await posted(page, "/scim/v2/Users", { schemas, userName: "jensen@example.com", displayName: "<i>Jensen</i>" });
    await page.getByRole("button", { name: "<i>Jensen</i>" }).click();
    const drawer = page.getByRole("dialog");
    const account = await drawer.getByText(/^acct_/).textContent();
    const { api_key } = await posted<{ api_key: string }>(page, "/v1/admin/keys", { account, credit_micro_usd: "0" });
    const isGood = async () => "balance_usd" in (await get({ base_url: kit().base, api_key }, "/v1/payments/balance"));
    expect(await isGood()).toBe(true);
    await drawer.getByRole("button", { name: "Disable" }).click();
    await drawer.getByRole("button", { name: "End all of it now" }).click();
    await drawer.getByRole("button", { name: "Enable" }).waitFor();
    expect(await isGood()).toBe(false);
    await drawer.getByRole("button", { name: "Enable" }).click();
    await drawer.getByText("may sign in", { exact: true }).waitFor();

    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Invite", exact: true }).click();
    await page.getByText("Nobody new may come: start the coordinator with --sign-up invited").waitFor();
    expect(faults).toEqual([]);
  });
}
