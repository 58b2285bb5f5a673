import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import type { Kit } from "../kit.ts";

const INJECTED = "<img src=x onerror=alert(1)>";

export default function playground(kit: () => Kit): void {
  /** Goal: what is written is read by a machine alone, and its answer is checked here. Method: one question, and what went over the wire. */
  it("asks sealed, checks the answer and hands out its receipt", { timeout: 60_000 }, async () => {
    await using opened = await kit().open("/console/playground", { isSignedIn: true });
    const { page, faults } = opened;
    const sent: string[] = [];
    page.on("request", (request) => void sent.push(`${request.method()} ${request.url()} ${request.postData() ?? ""}`));
    await page.getByLabel("Your message").fill(`A secret word: xyzzy. ${INJECTED}`);
    await page.keyboard.press("Enter");
    await page.getByText("holds", { exact: true }).waitFor({ timeout: 45_000 });
    await page.getByText("First content").waitFor();
    await page.getByText(/^\$0\.\d{6}$/).waitFor();
    expect(sent.filter((line) => line.startsWith("POST "))).toHaveLength(1);
    expect(sent.join()).not.toContain("xyzzy");

    await page.getByText("What was checked:").click();
    await page.getByText("receipt.countersignature").waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Receipt" }).click(),
    ]);
    const file = JSON.parse(await readFile(await download.path(), "utf8")) as { receipt: { privacy: string } };
    expect(file.receipt.privacy).toBe("sealed");

    await page.getByText("The same request as code").click();
    await page.getByText("TypeScript", { exact: true }).click();
    const code = await page.getByRole("region", { name: "The request in TypeScript" }).textContent();
    expect(code).toContain(kit().base);
    expect(code).toContain("xyzzy");
    expect(faults).toEqual([]);
  });

  /** Goal: a coordinator that changes an answer is caught, and what it writes is text. Method: an answer is changed on its way into the page. */
  it("says that a changed answer is not to be trusted", { timeout: 60_000 }, async () => {
    await using opened = await kit().open("/console/playground?mode=transparent", { isSignedIn: true });
    const { page, faults } = opened;
    await page.route("**/v1/chat/completions", async (route) => {
      const answer = await route.fetch();
      const body = (await answer.text()).replace(/"content":"[^"]+"/, `"content":${JSON.stringify(INJECTED)}`);
      await route.fulfill({ response: answer, body });
    });
    await page.getByLabel("Your message").fill("Hello");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("Do not trust what is above").waitFor({ timeout: 45_000 });
    await page.getByText("refused by this browser").waitFor();
    await page.getByText(INJECTED).waitFor();
    expect(await page.locator("main img").count()).toBe(0);
    expect(faults).toEqual([]);
  });

  it("stops, and says what an empty balance and a refusal ask for", async () => {
    await using opened = await kit().open("/console/network", { isSignedIn: true });
    const { page } = opened;
    await page.route("**/v1/payments/balance", async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, json: { ...((await answer.json()) as object), balance_micro_usd: 0 } });
    });
    await page.goto(`${kit().base}/console/playground?mode=transparent`);
    await page.getByText("Your balance is empty").waitFor();
    await page.getByLabel("Max tokens").fill("-1");
    await page.getByLabel("Your message").fill("Hello");
    await page.keyboard.press("Enter");
    await page.getByText("There is no whole answer").waitFor();
    await page.getByText("max_tokens", { exact: false }).first().waitFor();
    await page.route("**/v1/chat/completions", () => undefined);
    await page.getByRole("button", { name: "Ask again" }).click();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText("stopped by you").waitFor();
  });
}
