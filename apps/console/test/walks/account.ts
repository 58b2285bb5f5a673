import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { posted, seriousOf, type Kit } from "../kit.ts";

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

  /** Goal: one has all that is kept as a file, sees what stands in the way of going, and goes. Method: the only operator; then a second one, who types another account, and the right one. */
  it("hands out what is kept, and erases who means it", { timeout: 60_000 }, async () => {
    await using here = await kit().open("/console/account", { isSignedIn: true });
    await here.page.getByText("This person is the only operator. Invite another first").waitFor();
    const [file] = await Promise.all([
      here.page.waitForEvent("download"),
      here.page.getByRole("link", { name: "Download it" }).click(),
    ]);
    const told: unknown = JSON.parse(await readFile(await file.path(), "utf8"));
    expect(told).toMatchObject({ person: { role: "operator" }, sessions: { has_more: false } });

    const made = await posted<{ account: string }>(here.page, "/v1/admin/keys", { credit_micro_usd: "0" });
    const link = await posted<{ path: string }>(here.page, "/v1/admin/sign-in-links", { account: made.account });
    await using there = await kit().open(link.path);
    const { page, faults } = there;
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.goto(`${kit().base}/console/account`);
    const field = page.getByLabel(/^Type acct_[0-9a-f]+ to mean it$/);
    await field.fill("acct_other");
    expect(await page.getByRole("button", { name: "Erase it" }).isDisabled()).toBe(true);
    expect(await seriousOf(page)).toEqual([]);
    await field.fill(made.account);
    await page.getByRole("button", { name: "Erase it" }).click();
    await page.getByRole("link", { name: "Sign in" }).first().waitFor();
    await here.page.goto(`${kit().base}/console/people`);
    await here.page.getByText("erased", { exact: true }).waitFor();
    expect([...faults, ...here.faults]).toEqual([]);
  });

  /** Goal: somebody's device signs them in, until they remove it. Method: a device of Chromium's own (WebAuthn over CDP), added on the page, used, removed, and used again. */
  it("adds a passkey, signs in by it and removes it", { timeout: 60_000 }, async () => {
    await using here = await kit().open("/console/account", { isSignedIn: true });
    await here.page.getByLabel("What this device is called").waitFor();
    const link = await posted<{ path: string }>(here.page, "/v1/admin/sign-in-links", {});
    // A passkey belongs to a name.
    const base = kit().base.replace("127.0.0.1", "localhost");
    await here.page.getByLabel("What this device is called").fill("laptop");
    await here.page.getByRole("button", { name: "Add a passkey" }).click();
    await here.page.getByText("No passkey works at this address").waitFor();

    const { page, faults } = here;
    const devices = await page.context().newCDPSession(page);
    await devices.send("WebAuthn.enable");
    await devices.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        transport: "internal",
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    await page.goto(base + link.path);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.goto(`${base}/console/account`);
    await page.getByText("No passkey yet").waitFor();
    await page.getByLabel("What this device is called").fill("laptop");
    await page.getByRole("button", { name: "Add a passkey" }).click();
    await page.getByRole("region", { name: "Passkeys" }).getByText("laptop").waitFor();
    await page.getByRole("region", { name: "Passkeys" }).getByText("never").waitFor();

    await page.context().clearCookies();
    await page.goto(`${base}/sign-in`);
    await page.getByText("Nobody is signed in").waitFor();
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.goto(`${base}/console/account`);
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("button", { name: "Remove it now" }).click();
    await page.getByText("No passkey yet").waitFor();

    await page.context().clearCookies();
    await page.goto(`${base}/sign-in`);
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await page.getByText("No sign-in by this passkey").waitFor();
    expect(faults).toEqual([]);
  });
}
