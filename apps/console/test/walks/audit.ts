import { expect, it } from "vitest";
import { posted, type Kit } from "../kit.ts";

export default function audit(kit: () => Kit): void {
  /** Goal: who changed what is found, and the search can be shared. Method: a key is made; by its address alone the page shows that. */
  it("tells who made a key, by an address", async () => {
    await using opened = await kit().open("/console/audit", { isSignedIn: true });
    const { page, faults } = opened;
    const { data } = await posted<{ data: { id: string } }>(page, "/v1/keys", {});
    await page.goto(`${kit().base}/console/audit?about=keys&find=${data.id}`);
    await page.getByRole("row", { name: "made a key owner" }).waitFor();
    await page.getByLabel("About what").selectOption("machines");
    await page.getByText("No change is like this").waitFor();
    expect(page.url()).toContain("about=machines");
    expect(faults).toEqual([]);
  });
}
