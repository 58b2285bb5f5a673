import { expect, it } from "vitest";
import { get, post } from "../../../../packages/testkit/test/running.ts";
import type { Kit } from "../kit.ts";

export default function overview(kit: () => Kit): void {
  /** Goal: what was spent is seen as it happens. Method: an account that has asked for nothing yet, as the page hears it; then a request. */
  it("leads who has asked for nothing yet, and shows what a request cost", async () => {
    await using opened = await kit().open("/", { isSignedIn: true });
    const { page, faults } = opened;
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    const usage = "**/v1/payments/usage*";
    await page.route(usage, (route) => route.fulfill({ json: { usage: [] } }));
    await page.reload();
    await page.getByText(`curl ${kit().base}/v1/chat/completions`).waitFor();
    await page.getByText(kit().ready.model).waitFor();
    await page.unroute(usage);

    await page.getByRole("img", { name: "Shown live" }).waitFor();
    const { usage: before } = (await get(kit().ready, "/v1/payments/usage?limit=500")) as { usage: unknown[] };
    const ask = { model: kit().ready.model, messages: [{ role: "user", content: "Hi" }], max_tokens: 4 };
    expect((await post({ base_url: kit().base, api_key: kit().ready.api_key }, ask)).status).toBe(200);
    const day = page.getByRole("table", { name: "Spend by day" }).getByRole("row").last();
    await expect.poll(() => day.textContent()).toMatch(new RegExp(`\\$0\\.0\\d+${before.length + 1}$`));
    await page.getByText("The answer came whole").waitFor();
    await page.getByText("7 days", { exact: true }).click();
    await expect.poll(() => page.url()).toContain("?span=7d");
    expect(faults).toEqual([]);
  });
}
