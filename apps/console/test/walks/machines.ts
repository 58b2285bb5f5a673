import { expect, it } from "vitest";
import { post } from "../../../../packages/testkit/test/running.ts";
import type { Kit } from "../kit.ts";

export default function machines(kit: () => Kit): void {
  /** Goal: an operator decides which machines serve. Method: the only one is refused, so that nobody is answered, and approved again. */
  it("refuses a machine, and approves it again", async () => {
    await using opened = await kit().open("/console/machines", { isSignedIn: true });
    const { page, faults } = opened;
    const ask = { model: kit().ready.model, messages: [{ role: "user", content: "Hi" }], max_tokens: 4 };
    const statusNow = async () => (await post({ base_url: kit().base, api_key: kit().ready.api_key }, ask)).status;
    await page.getByText(kit().ready.provider_serial).click();
    const drawer = page.getByRole("dialog");
    await drawer.getByText(kit().ready.model).waitFor();
    await drawer.getByRole("button", { name: "Refuse" }).click();
    await drawer.getByRole("button", { name: "Refuse it now" }).click();
    await drawer.getByText("refused", { exact: true }).waitFor();
    expect(await statusNow()).toBe(503);
    await drawer.getByRole("button", { name: "Approve" }).click();
    await drawer.getByText("approved", { exact: true }).waitFor();
    expect(await statusNow()).toBe(200);
    expect(faults).toEqual([]);
  });
}
