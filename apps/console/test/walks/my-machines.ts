import { expect, it } from "vitest";
import { binary, Folder, Program, run } from "../../../../packages/testkit/test/running.ts";
import { seriousOf, type Kit } from "../kit.ts";

export default function myMachines(kit: () => Kit): void {
  /**
   * Goal: from a command on a machine to one that earns, and back, all of it seen here. Method: another data folder on this
   * computer; the code in the page, the page's own words as the machine comes, is named, is kept to oneself and is unlinked.
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
