import { expect, it } from "vitest";
import { get } from "../../../../packages/testkit/test/running.ts";
import { posted, seriousOf, type Kit } from "../kit.ts";

export default function team(kit: () => Kit): void {
  /**
   * Goal: many share one account, in hands of its own. Method: a team is made, somebody who comes by its link is seen at once and
   * made an admin; acted on, its empty balance is what the pages show; what is its own is not what is one's own.
   */
  it("makes a team, lets somebody in, and acts on its account", { timeout: 120_000 }, async () => {
    await using opened = await kit().open("/console/team", { isSignedIn: true });
    const { page, faults } = opened;
    await page.getByText("You are in no team").waitFor();
    await page.getByRole("button", { name: "New team" }).first().click();
    await page.getByLabel("Name").fill("<b>The lab</b>");
    await page.getByRole("button", { name: "Make it" }).click();
    await page.getByRole("heading", { name: "<b>The lab</b>" }).waitFor();
    expect(await seriousOf(page)).toEqual([]);
    const account = (await page.getByText(/^acct_/).textContent()) ?? "";
    await page.getByRole("button", { name: "Invite somebody" }).click();
    const url = (await page.getByText(`${kit().base}/join/`).textContent()) ?? "";
    await page.getByRole("row", { name: "member just now" }).waitFor();

    const { account: theirs } = await posted<{ account: string }>(page, "/v1/admin/keys", { credit_micro_usd: "0" });
    const link = await posted<{ path: string }>(page, "/v1/admin/sign-in-links", { account: theirs });
    await using guest = await kit().open(link.path);
    await guest.page.getByRole("button", { name: "Sign in" }).click();
    await guest.page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await guest.page.goto(url);
    await guest.page.getByRole("button").click();
    await guest.page.getByText("You are in", { exact: true }).waitFor();
    await page
      .getByLabel(/^Role of/)
      .nth(1)
      .selectOption("admin");
    await page.getByText("No invite is open").waitFor();

    await page.getByRole("button", { name: "Act on its account" }).click();
    await page.getByRole("button", { name: "Act on your own account" }).waitFor();
    const { api_key } = await posted<{ api_key: string }>(page, "/v1/admin/keys", { account, credit_micro_usd: "0" });
    await page.goto(`${kit().base}/console/overview`);
    await page.getByText("Nothing can be spent from this account yet").waitFor();
    expect(await get({ base_url: kit().base, api_key }, "/v1/payments/balance")).toMatchObject({
      balance_micro_usd: 0,
    });
    await page.getByLabel("Account", { exact: true }).selectOption("");
    await page.getByText("Spend by day").or(page.getByText("Make a key")).first().waitFor();
    await expect.poll(() => page.getByText("Nothing can be spent from this account yet").count()).toBe(0);

    await page.goto(`${kit().base}/console/team/${account}`);
    await page.getByRole("button", { name: "Delete this team" }).click();
    await page.getByRole("button", { name: /for good/ }).click();
    await page.getByText("This team still has 1 key").waitFor();
    expect(faults).toEqual([]);
  });
}
