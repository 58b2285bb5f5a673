import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { binary, Folder, post, Program, run } from "../../../../packages/testkit/test/running.ts";
import { seriousOf, type Kit } from "../kit.ts";

export default function myMachines(kit: () => Kit): void {
  /**
   * Goal: from a command on a machine to one that earns, and back, all of it seen here. Method: another data folder on this
   * computer; the code in the page, the page's own words as the machine comes, answers, is named, is kept to oneself and is unlinked.
   */
  it("adds a machine, shows how it fares, and unlinks it", { timeout: 120_000 }, async () => {
    using folder = new Folder();
    const at = ["--coordinator", kit().base, "--data", folder.path];
    await using opened = await kit().open("/console/my-machines", { isSignedIn: true });
    const { page, faults } = opened;
    await page.getByText("No machine is yours yet").waitFor();
    await page.getByRole("link", { name: "Add a machine" }).last().click();
    await page.getByText(`npx darkbloom provider login --coordinator ${kit().base}`).waitFor();
    await page.getByText("No machine was let in since you opened this page").waitFor();
    expect(await seriousOf(page)).toEqual([]);

    const login = new Program(["provider", "login", ...at]);
    await using _login = login;
    login.ready.catch(() => undefined);
    await expect.poll(() => login.printed, { timeout: 20_000 }).toContain("user_code");
    const code = /"user_code":"([^"]+)"/.exec(login.printed)?.[1] ?? "";
    await page.getByLabel("The code that it shows").fill(code);
    const [approval] = await Promise.all([
      page.context().waitForEvent("page"),
      page.getByRole("button", { name: "Look at it" }).click(),
    ]);
    await approval.getByRole("button", { name: "Let it in" }).click();
    await approval.getByText("It is let in").waitFor();
    await approval.close();
    const arriving = page.getByRole("region", { name: "4. See it come" });
    await arriving.getByText("not yours yet").waitFor({ timeout: 20_000 });

    const provider = new Program(["provider", "start", ...at]);
    await using _provider = provider;
    await arriving.getByText("earning", { exact: true }).waitFor({ timeout: 60_000 });
    await arriving.getByRole("link").click();
    const drawer = page.getByRole("dialog");
    await drawer.getByText("blob.signature").waitFor();
    expect(page.url()).toMatch(/my-machines\/mach_/);
    expect(await seriousOf(page)).toEqual([]);
    await earns(kit(), page);
    await page.getByRole("row").getByRole("button").click();
    await drawer.getByLabel("Name").fill("<b>studio</b>");
    await drawer.getByRole("switch", { name: "Serve my account alone" }).click();
    await drawer.getByRole("button", { name: "Save" }).click();
    await drawer.getByText("serves you alone").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "<b>studio</b>" }).waitFor();

    await provider.kill("SIGTERM");
    await page.getByText("It is not connected").waitFor();
    await page.getByText("Start it there: 'darkbloom provider start'.").waitFor();
    await page.getByRole("button", { name: "<b>studio</b>" }).click();
    await drawer.getByRole("button", { name: "Unlink" }).click();
    await drawer.getByRole("button", { name: "Unlink it now" }).click();
    await page.getByText("No machine is yours yet").waitFor();
    const { stdout } = await run(process.execPath, [
      binary,
      "provider",
      "status",
      "--data",
      folder.path,
      "--json",
    ]).catch((error: { stdout: string }) => error);
    expect(stdout).toContain('"running":false');
    expect(faults).toEqual([]);
  });
}

/** Goal: what a machine earns is seen as it happens, and is there as a file. Method: a request that this machine alone may answer, while its page is open. */
async function earns(kit: Kit, page: Page): Promise<void> {
  const { data } = await page.evaluate<{ data: readonly { readonly serial: string }[] }>(
    `fetch("/v1/me/providers").then((answer) => answer.json())`,
  );
  await page.keyboard.press("Escape");
  await page.getByText("Nothing was earned in 30 days").waitFor();
  const ask = { model: kit.ready.model, messages: [{ role: "user", content: "Hi" }], max_tokens: 4 };
  const answer = await post(
    { base_url: kit.base, api_key: kit.ready.api_key },
    { ...ask, provider_serial: data[0]?.serial },
  );
  expect(answer.status).toBe(200);
  const earnings = page.getByRole("region", { name: "Earnings", exact: true });
  const today = earnings.getByRole("table", { name: "Earnings by day" }).getByRole("row").last();
  await expect.poll(() => today.textContent()).toMatch(/\$0\.0\d+1$/);
  const exact = await today.locator("data").getAttribute("title");
  await earnings.getByText("Model", { exact: true }).click();
  await earnings.getByRole("row").getByText(kit.ready.model).waitFor();
  await earnings.getByText("7 days", { exact: true }).click();
  await expect.poll(() => page.url()).toContain("?by=model&span=7d");
  expect(await seriousOf(page)).toEqual([]);
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    earnings.getByRole("button", { name: "Download as CSV" }).click(),
  ]);
  const lines = (await readFile(await file.path(), "utf8")).split("\r\n");
  expect(lines[0]).toMatch(/^model,answers,/);
  expect(lines[1]).toContain(`${kit.ready.model},1,`);
  expect(`${lines[1]?.split(",")[4]} USD`).toBe(exact);
}
