import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHROMIUM, Kit, NARROW, seriousOf, WIDE } from "./kit.ts";

/** Compressed, all that comes before the first page is there. */
const FIRST_PAGE_BYTES_MAX = 300_000;

/** Each has the cases of one page, as a user walks through it. */
type Walk = (kit: () => Kit) => void;
const walksFolder = join(import.meta.dirname, "walks");
const walks = await Promise.all(
  readdirSync(walksFolder).map(async (file) => (await import(join(walksFolder, file))) as { readonly default: Walk }),
);

/** Goal: the console is what a person sees of a network, and nothing foreign gets into it. Method: a browser before the real program. */
describe.skipIf(!existsSync(CHROMIUM))("the console", () => {
  let kit: Kit;
  beforeAll(async () => {
    kit = await Kit.start();
  }, 60_000);
  afterAll(() => kit[Symbol.asyncDispose]());

  it("is built for the first browser that comes, and small", async () => {
    const sizes: Promise<number>[] = [];
    const foreign: string[] = [];
    await using opened = await kit.open("/");
    const { page, faults } = opened;
    page.on("requestfinished", (request) => {
      if (!request.url().startsWith(kit.base)) foreign.push(request.url());
      sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
    });
    // What the browser keeps it does not ask for again.
    await page
      .context()
      .newCDPSession(page)
      .then((session) => session.send("Network.setCacheDisabled", { cacheDisabled: true }));
    await page.goto(kit.base);
    await page.getByRole("heading", { level: 1, name: "Network" }).waitFor();
    await page.getByText(kit.ready.provider_serial).waitFor();
    const bytes = (await Promise.all(sizes)).reduce((sum, one) => sum + one, 0);
    expect(bytes).toBeGreaterThan(100_000);
    expect(bytes).toBeLessThan(FIRST_PAGE_BYTES_MAX);
    expect(foreign).toEqual([]);
    expect(faults).toEqual([]);
  });

  it("is a page for browsers, and says what it is to programs", async () => {
    const told = await fetch(kit.base);
    expect(await told.json()).toMatchObject({ name: "Darkbloom coordinator" });
    const shown = await fetch(kit.base, { headers: { accept: "text/html,*/*;q=0.8" } });
    expect(shown.headers.get("content-type")).toMatch(/^text\/html/);
    expect(shown.headers.get("vary")).toContain("accept");
    const policy = shown.headers.get("content-security-policy");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*|data:|blob:/);
    const script = /src="([^"]+)"/.exec(await shown.text())?.[1] ?? "";
    const asset = await fetch(kit.base + script);
    expect(asset.headers.get("cache-control")).toContain("immutable");
    expect((await fetch(`${kit.base}/console/assets/none.js`)).status).toBe(404);
  });

  it("finds the policy's violations", async () => {
    await using opened = await kit.open("/console/network");
    const style = "Object.assign(document.createElement('style'), { textContent: 'p {}' })";
    await opened.page.evaluate(`document.head.append(${style})`);
    await expect.poll(() => opened.faults.join()).toContain("forbidden: style-src-elem");
  });

  for (const scheme of ["light", "dark"] as const)
    for (const [width, size] of [
      ["wide", WIDE],
      ["narrow", NARROW],
    ] as const)
      it(`keeps nobody out, ${scheme} and ${width}`, { timeout: 240_000 }, async () => {
        await using opened = await kit.open("/console/network", { isSignedIn: true, scheme, size });
        const { page, faults } = opened;
        // Until it is known who is signed in, the list has what is for everybody alone.
        await page.getByText("Sign out").waitFor({ state: "attached" });
        const addresses = await page
          .locator("nav a")
          .evaluateAll((links) => links.map((link) => link.getAttribute("href") ?? ""));
        expect(addresses).toEqual(expect.arrayContaining(["/console/network", "/console/audit"]));
        for (const address of addresses) {
          await page.goto(kit.base + address);
          await page.getByRole("heading", { level: 1 }).waitFor();
          await expect.poll(() => page.getByRole("status", { name: "Loading" }).count(), { timeout: 15_000 }).toBe(0);
          expect([address, await seriousOf(page)]).toEqual([address, []]);
          expect([address, await page.evaluate("document.documentElement.scrollWidth <= innerWidth")]).toEqual([
            address,
            true,
          ]);
        }
        expect(faults).toEqual([]);
      });

  it("says who is signed in, and lets them sign out", async () => {
    await using opened = await kit.open("/console/network");
    await opened.page.getByRole("link", { name: "Sign in" }).waitFor();
    await using asked = await kit.open("/console/keys");
    await asked.page.getByRole("heading", { name: "Sign in to see this" }).waitFor();
    expect(await seriousOf(asked.page)).toEqual([]);
    await using signedIn = await kit.open("/console/network", { isSignedIn: true });
    await signedIn.page.getByRole("button", { name: "Sign out" }).waitFor();
    await signedIn.page.getByRole("img", { name: "Shown live" }).waitFor();
  });

  it("keeps the colours that were chosen", async () => {
    await using opened = await kit.open("/console/network");
    const { page } = opened;
    await page.getByText("Dark", { exact: true }).click({ force: true });
    await page.reload();
    await page.getByRole("heading", { level: 1 }).waitFor();
    expect(await page.evaluate("document.documentElement.dataset.mantineColorScheme")).toBe("dark");
  });

  for (const walk of walks) walk.default(() => kit);
});
