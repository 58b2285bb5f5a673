import { expect, it } from "vitest";
import { post } from "../../../../packages/testkit/test/running.ts";
import type { Kit } from "../kit.ts";

export default function keys(kit: () => Kit): void {
  /** Goal: a key's whole life is in the hands of its owner. Method: made, used, disabled in the page and refused, replaced, revoked. */
  it("makes a key, bounds it, replaces it and ends it", { timeout: 60_000 }, async () => {
    await using opened = await kit().open("/console/keys", { isSignedIn: true });
    const { page, faults } = opened;
    const statusOf = async (api_key: string) => {
      const ask = { model: kit().ready.model, messages: [{ role: "user", content: "Hi" }], max_tokens: 4 };
      return (await post({ base_url: kit().base, api_key }, ask)).status;
    };
    const secretShown = async () => {
      const shown = page.getByRole("dialog", { name: "Your key, this once" });
      const secret = await shown.locator("code").first().textContent();
      await shown.getByRole("button", { name: "I have kept it" }).click();
      return secret ?? "";
    };

    await page.getByRole("button", { name: "New key" }).click();
    await page.getByLabel("Name").fill("<img src=x onerror=alert(1)>");
    await page.getByLabel("Good until").fill("2001-01-01T00:00");
    await page.getByRole("button", { name: "Make the key" }).click();
    await page.getByText("it must be a time ahead").waitFor();
    await page.getByLabel("Good until").fill("");
    await page.getByRole("button", { name: "Make the key" }).click();
    const first = await secretShown();
    expect(await statusOf(first)).toBe(200);
    expect(await page.content()).not.toContain(first);

    await page.getByRole("button", { name: "<img src=x onerror=alert(1)>" }).click();
    await page.getByRole("button", { name: "Disable" }).click();
    await page.getByRole("button", { name: "Enable" }).waitFor();
    expect(await statusOf(first)).toBe(401);
    await page.getByRole("button", { name: "Enable" }).click();
    await page.getByRole("button", { name: "Disable" }).waitFor();

    await page.getByRole("button", { name: "New secret" }).click();
    await page.getByRole("button", { name: "Give it a new secret" }).click();
    const second = await secretShown();
    expect([await statusOf(first), await statusOf(second)]).toEqual([401, 200]);

    await page.getByRole("button", { name: "Revoke", exact: true }).click();
    await page.getByRole("button", { name: "Revoke it for good" }).click();
    await page.getByText(", for good.").waitFor();
    expect(await statusOf(second)).toBe(401);
    expect(faults).toEqual([]);
  });

  /** Goal: what changes elsewhere is seen here by itself. Method: two pages of one person, and a key that is made in one of them. */
  it("shows a key that was made elsewhere", async () => {
    await using here = await kit().open("/console/keys", { isSignedIn: true });
    await here.page.getByRole("img", { name: "Shown live" }).waitFor();
    await using there = await kit().open("/console/keys", { isSignedIn: true });
    await there.page.getByRole("button", { name: "New key" }).click();
    await there.page.getByLabel("Name").fill("made elsewhere");
    await there.page.getByRole("button", { name: "Make the key" }).click();
    await here.page.getByText("made elsewhere").waitFor();
  });
}
