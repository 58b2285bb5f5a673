import { expect, it } from "vitest";
import { seriousOf, type Kit } from "../kit.ts";

export default function docs(kit: () => Kit): void {
  /** Goal: whoever comes by reads how it is used, here. Method: a stranger's way from a search to a part of a page, whose examples name this coordinator. */
  it("shows the docs to everybody, finds in them, and names this coordinator", async () => {
    await using opened = await kit().open("/console/docs");
    const { page, faults } = opened;
    await page.getByRole("heading", { level: 1, name: "Darkbloom" }).waitFor();
    await page.getByText(`baseURL: "${kit().base}/v1"`).waitFor();
    expect(await seriousOf(page)).toEqual([]);
    await page.getByLabel("Search the docs").fill("device grant");
    await page.getByRole("link", { name: "Letting a program in" }).click();
    await page.getByRole("heading", { level: 2, name: "Letting a program in" }).waitFor();
    expect(page.url()).toBe(`${kit().base}/console/docs/accounts#letting-a-program-in`);
    await page.getByText(`${kit().base}/v1/device/code`).first().waitFor();
    await page.getByRole("article").getByRole("link", { name: "routes.md" }).first().click();
    await page.getByRole("heading", { level: 1, name: "Routes" }).waitFor();
    expect(faults).toEqual([]);
  });
}
