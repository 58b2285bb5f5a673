import { expect, it } from "vitest";
import { post } from "../../../../packages/testkit/test/running.ts";
import type { Kit } from "../kit.ts";

export default function activity(kit: () => Kit): void {
  /** Goal: each request is there with its cost, and its receipt is checked here. Method: one request, opened by its address; then its receipt is changed on the way. */
  it("lists a request, checks its receipt, and sees one that was changed", { timeout: 60_000 }, async () => {
    const { base_url, api_key, model } = kit().ready;
    const ask = { model, messages: [{ role: "user", content: "Hi" }], max_tokens: 4 };
    const answer = await post({ base_url, api_key }, ask);
    const jobId = answer.headers.get("x-inference-job-id") ?? "";
    await answer.text();

    await using opened = await kit().open("/console/activity?show=other", { isSignedIn: true });
    const { page, faults } = opened;
    await page.getByText("Answered", { exact: true }).last().click();
    await page.getByRole("button", { name: model }).first().click();
    await page.getByText("Both signatures hold").waitFor({ timeout: 45_000 });
    expect(page.url()).toContain(`/console/activity/${jobId}?show=finished`);
    await page.getByText("receipt.countersignature").waitFor();
    await page.keyboard.press("Escape");
    await expect.poll(() => page.url()).toBe(`${kit().base}/console/activity?show=finished`);
    expect(faults).toEqual([]);

    await page.route("**/v1/receipts/*", async (route) => {
      const told = await route.fetch();
      const body = (await told.text()).replace(/"completion_tokens":\d+/, '"completion_tokens":9999');
      await route.fulfill({ response: told, body });
    });
    await page.goto(`${kit().base}/console/activity/${jobId}`);
    await page.getByText("does not hold", { exact: true }).waitFor({ timeout: 45_000 });
  });
}
