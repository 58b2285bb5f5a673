import { expect, it } from "vitest";
import type { Kit } from "../kit.ts";

export default function network(kit: () => Kit): void {
  /** Goal: nobody need take the coordinator's word. Method: verify here, once as anybody and once over a nonce of the browser's own. */
  it.each([false, true])("verifies every machine in the browser, signed in: %s", async (isSignedIn) => {
    await using opened = await kit().open("/console/network", { isSignedIn });
    const { page, faults } = opened;
    await page.getByRole("button", { name: "Verify all here" }).click();
    await page.getByText("The machine's evidence holds, as this browser reckons").waitFor({ timeout: 60_000 });
    await page.locator("summary").click();
    await page.getByText("blob.signature").waitFor();
    if (isSignedIn) await page.getByText("challenge.caller_nonce").waitFor();
    expect(faults).toEqual([]);
  });

  /** Goal: a coordinator that lies is caught. Method: what it shows is changed on its way into the page. */
  it("shows that a machine's evidence was changed", async () => {
    await using opened = await kit().open("/console/network");
    const { page } = opened;
    await page.route("**/v1/providers/attestation*", async (route) => {
      const told = await (await route.fetch()).text();
      await route.fulfill({
        contentType: "application/json",
        body: told.replace('"trust_level":"self_signed"', '"trust_level":"hardware"'),
      });
    });
    await page.getByRole("button", { name: "Verify all here" }).click();
    await page.getByText("1 of 1 machines shows what does not hold").waitFor();
    await page.getByText("published.level").waitFor();
    await page.getByText("The coordinator says hardware", { exact: true }).waitFor();
  });

  /** Goal: an address is what somebody sees. Method: filters and an opened machine, by clicks and by the address alone. */
  it("keeps its filters, and the machine that is open, in the address", async () => {
    await using opened = await kit().open("/console/network?level=hardware");
    const { page } = opened;
    await page.getByText("No machine is like this").waitFor();
    await page.getByText("Any level").click();
    await page.getByRole("button", { name: kit().ready.provider_serial }).click();
    await page.getByText("Evidence, SHA-256").waitFor();
    const address = page.url();
    expect(address).toContain("?machine=");
    await page.goto(address);
    await page.getByText("Evidence, SHA-256").waitFor();
    await page.keyboard.press("Escape");
    await expect.poll(() => page.url()).toBe(`${kit().base}/console/network`);
  });
}
