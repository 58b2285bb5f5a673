import { expect, it } from "vitest";
import { posted, type Kit } from "../kit.ts";

export default function account(kit: () => Kit): void {
  /** Goal: one sees where one is signed in, and ends what one does not know. Method: a second browser by a link, ended in the first. */
  it("ends another session at once", async () => {
    await using here = await kit().open("/console/account", { isSignedIn: true });
    const link = await posted<{ path: string }>(here.page, "/v1/admin/sign-in-links", {});
    await using there = await kit().open(link.path);
    await there.page.getByRole("button", { name: "Sign in" }).click();
    await there.page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await there.page.goto(`${kit().base}/console/account`);
    await there.page.getByRole("row").nth(2).waitFor();

    const { page, faults } = here;
    await page.getByText("this one").waitFor();
    await page.getByRole("button", { name: "End all others" }).click();
    await page.getByRole("button", { name: "End the other now" }).click();
    await page.getByRole("button", { name: "End all others" }).waitFor({ state: "detached" });
    await there.page.reload();
    await there.page.getByRole("heading", { name: "Sign in to see this" }).waitFor();
    await page.getByText(`npx darkbloom login --coordinator ${kit().base}`).waitFor();
    expect(faults).toEqual([]);
  });
}
