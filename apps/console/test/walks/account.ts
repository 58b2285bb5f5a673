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
