import { join } from "node:path";
import { openStore } from "@darkbloom/coordinator/adapters/open-store";
import type { AccountId } from "@darkbloom/protocol/ids";
import { systemClock } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import { earn } from "../../../coordinator/src/payouts/earned.samples.ts";
import { binary, Folder, Program, run } from "../../../../packages/testkit/test/running.ts";
import { Kit, NARROW, seriousOf } from "../kit.ts";

/** A coordinator's folder whose owner has earned 9 USD, long ago. */
async function earnIn(data: string): Promise<void> {
  const program = new Program(["coordinator", "--port", "0", "--data", data]);
  await using _program = program;
  await program.ready;
  const { stdout } = await run(process.execPath, [binary, "account", "link", "--data", data, "--json"]);
  await program.kill("SIGTERM");
  const { account } = JSON.parse(stdout) as { account: AccountId };
  await using store = await openStore(data, { clock: systemClock, onSweepError: () => undefined });
  await earn(store.ledger, account, 9_000_000n, Date.now() - 60 * 86_400_000);
}

export default function payouts(kit: () => Kit): void {
  /** Goal: where nothing is paid out, that is said, and what to do. Method: the real network, as it starts. */
  it("says that nothing is paid out", async () => {
    await using opened = await kit().open("/console/payouts", { isSignedIn: true });
    await opened.page.getByText("Nothing is paid out here").waitFor();
    await opened.page.getByText("npx darkbloom coordinator --payouts manual").waitFor();
    await opened.page.getByText("Nothing was withdrawn yet").waitFor();
    expect(opened.faults).toEqual([]);
  });

  /**
   * Goal: somebody withdraws what a machine earned, sees it go, and calls another off. Method: the real coordinator on a folder with earnings; a wrong amount, the operator's
   * command beside the open page.
   */
  it("withdraws what was earned", { timeout: 120_000 }, async () => {
    using folder = new Folder();
    const data = join(folder.path, "data");
    await earnIn(data);
    const own = await Kit.start(["coordinator", "--port", "0", "--data", data, "--payouts", "manual"]);
    await using _own = own;
    await using opened = await own.open("/console/payouts", { isSignedIn: true });
    const { page, faults } = opened;
    await page.getByRole("button", { name: "All: $9.00" }).waitFor();
    await page.getByLabel("USD").fill("10.00");
    await page.getByLabel("Where it is paid").fill("DE89 3704, <b>Otto</b>");
    await page.getByRole("button", { name: "Ask for it" }).click();
    await page.getByText("No more than 9.000000 USD can be withdrawn now").waitFor();
    await page.getByLabel("USD").fill("4.00");
    await page.getByRole("button", { name: "Ask for it" }).click();
    await page.getByText("It has left your balance").waitFor();
    await page.getByText("waits for the operator", { exact: true }).waitFor();
    await page.getByRole("cell", { name: "DE89 3704, <b>Otto</b>" }).waitFor();
    await page.getByRole("button", { name: "All: $5.00" }).click();
    expect(await seriousOf(page)).toEqual([]);

    const operate = (...words: string[]) =>
      run(process.execPath, [binary, "account", ...words, "--data", data, "--json"]);
    const { stdout } = await operate("take-payouts");
    await page.getByText("being paid", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Ask for it" }).click();
    await page.getByRole("button", { name: "Call off" }).click();
    await page.getByRole("button", { name: "Call it off now" }).click();
    await page.getByText("called off", { exact: true }).waitFor();
    const { withdrawal_id } = JSON.parse(stdout) as { withdrawal_id: string };
    await operate("mark-paid", withdrawal_id);
    await page.getByText("paid", { exact: true }).waitFor();
    await page.getByRole("button", { name: "All: $5.00" }).waitFor();
    await page.setViewportSize(NARROW);
    expect(await seriousOf(page)).toEqual([]);
    expect(faults).toEqual([]);
  });
}
