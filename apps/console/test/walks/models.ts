import { expect, it } from "vitest";
import type { Kit } from "../kit.ts";

export default function models(kit: () => Kit): void {
  /** Goal: who comes by sees what there is and what it costs; who is signed in sees all, and how to ask. Method: both, and the filters. */
  it("shows what can be asked, and how", async () => {
    const name = kit().ready.model;
    await using stranger = await kit().open("/console/models");
    await stranger.page.getByRole("button", { name }).first().waitFor();
    await stranger.page.getByText("1 machine", { exact: true }).first().waitFor();

    await using opened = await kit().open("/console/models?find=no-such-model", { isSignedIn: true });
    const { page, faults } = opened;
    await page.getByText("No model is like this").waitFor();
    await page.getByLabel("Find a model").fill(name);
    await page.getByRole("button", { name }).first().click();
    await page.getByText("Best level").waitFor();
    const code = page.getByRole("region", { name: "The request in curl" });
    expect(await code.textContent()).toContain(`${kit().base}/v1/chat/completions`);
    await page.getByText("Sealed", { exact: true }).click();
    expect(await code.textContent()).toContain(`--coordinator ${kit().base}`);
    await page.getByRole("link", { name: "Try it in the playground" }).click();
    await page.getByLabel("Your message").waitFor();
    expect(page.url()).toContain(`model=${name}`);
    expect(faults).toEqual([]);
  });
}
