import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { Folder, Program, type Ready } from "../../../packages/testkit/test/running.ts";

/** The distribution's own. */
export const CHROMIUM = "/usr/bin/chromium";
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const WIDE = { width: 1280, height: 860 };
export const NARROW = { width: 390, height: 844 };

/** A page as somebody has it open. */
export interface Opened extends AsyncDisposable {
  readonly page: Page;
  /** What the policy forbade, and what was thrown and not caught. */
  readonly faults: readonly string[];
}

interface How {
  readonly isSignedIn?: boolean;
  readonly size?: typeof WIDE;
  readonly scheme?: "light" | "dark";
}

/** A whole network in its own processes, and a browser before it. One for all cases. */
export class Kit implements AsyncDisposable {
  readonly ready: Ready & { readonly sign_in_url: string };
  readonly #browser: Browser;
  readonly #parts: AsyncDisposableStack;
  /** Of who signed in once: a link is good for that alone. */
  #session: Awaited<ReturnType<BrowserContext["storageState"]>> | undefined;

  private constructor(ready: Kit["ready"], browser: Browser, parts: AsyncDisposableStack) {
    this.ready = ready;
    this.#browser = browser;
    this.#parts = parts;
  }

  /** @param args what runs, in place of a whole network in a folder of its own */
  static async start(args?: readonly string[]): Promise<Kit> {
    await using parts = new AsyncDisposableStack();
    const program = parts.use(new Program(args ?? ["up", "--port", "0", "--data", parts.use(new Folder()).path]));
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
    parts.defer(() => browser.close());
    const ready = (await program.ready) as Kit["ready"];
    return new Kit(ready, browser, parts.move());
  }

  get base(): string {
    return this.ready.base_url;
  }

  /** Opens a page of the console. */
  async open(path: string, { isSignedIn = false, size = WIDE, scheme = "light" }: How = {}): Promise<Opened> {
    const storageState = isSignedIn ? await this.#signedIn() : undefined;
    const context = await this.#browser.newContext({
      viewport: size,
      colorScheme: scheme,
      reducedMotion: "reduce",
      ...(storageState && { storageState }),
    });
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("pageerror", ({ message }) => faults.push(message));
    page.on("console", (line) => {
      if (line.text().startsWith("forbidden:")) faults.push(line.text());
    });
    await page.addInitScript(`addEventListener("securitypolicyviolation", (event) =>
      console.error("forbidden: " + event.effectiveDirective + " " + event.blockedURI + " " + event.sample))`);
    await page.goto(this.base + path);
    await page.getByRole("heading", { level: 1 }).waitFor();
    return { page, faults, [Symbol.asyncDispose]: () => context.close() };
  }

  async #signedIn() {
    if (this.#session) return this.#session;
    const context = await this.#browser.newContext();
    const page = await context.newPage();
    await page.goto(this.ready.sign_in_url);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"), { waitUntil: "commit" });
    this.#session = await context.storageState();
    await context.close();
    return this.#session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}

/** What of a page keeps somebody out: axe's findings that are serious or worse. */
export async function seriousOf(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate<AxeResults>("axe.run()");
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" ")}`);
}

/** What the coordinator answers whoever is signed in on the page. */
export const posted = <Answer>(page: Page, path: string, body: object): Promise<Answer> =>
  page.evaluate<Answer>(`fetch(${JSON.stringify(path)}, { method: "POST", headers: { "content-type": "application/json" },
    body: ${JSON.stringify(JSON.stringify(body))} }).then((answer) => answer.json())`);
