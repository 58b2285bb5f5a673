import { join } from "node:path";
import { expect, it } from "vitest";
import { commandsFor } from "./commands/index.ts";
import { environmentNameOf, flagOf } from "./settings.ts";
import { settingsPage } from "./settings-table.ts";

const commands = await commandsFor([]);

/** Goal: the docs page says what the program does. Method: make the page again and compare; `vitest -u` writes it. */
it("is what stands in docs/settings.md", async () => {
  await expect(settingsPage(commands)).toMatchFileSnapshot(join(import.meta.dirname, "../../../docs/settings.md"));
});

/** Goal: names are derived, so that none can be forgotten. Method: one with three words. */
it("derives flags and environment names", () => {
  expect(flagOf("platformFeePercent")).toBe("--platform-fee-percent");
  expect(environmentNameOf("platformFeePercent")).toBe("DARKBLOOM_PLATFORM_FEE_PERCENT");
});
