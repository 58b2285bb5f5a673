import { expect, it } from "vitest";
import { post } from "../../../../packages/testkit/test/running.ts";
import { seriousOf, type Kit } from "../kit.ts";

export default function live(kit: () => Kit): void {
  /**
   * Goal: an operator sees what runs, what waits and what failed, as it happens. Method: a request for a model that there is not, and long
   * ones, of which more come than the only machine has slots; what nothing here can bring about, told in the coordinator's place.
   */
  it("shows what runs, waits, fails and is in trouble", async () => {
    await using opened = await kit().open("/console/live", { isSignedIn: true });
    const { page, faults } = opened;
    const at = { base_url: kit().base, api_key: kit().ready.api_key };
    const ask = { model: kit().ready.model, messages: [{ role: "user", content: "Hi" }], stream: true };
    await page.getByText("Nobody waits").waitFor();
    await page.getByText("This one is alone").waitFor();
    expect((await post(at, { ...ask, model: "none" })).status).toBe(404);
    await page.getByRole("row", { name: "model_not_found whoever asked 404 1 1 1" }).waitFor();

    const hangUp = new AbortController();
    const asked = Array.from({ length: 40 }, () =>
      fetch(`${at.base_url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${at.api_key}`, "content-type": "application/json" },
        body: JSON.stringify({ ...ask, max_tokens: 400 }),
        signal: hangUp.signal,
      }).catch(() => undefined),
    );
    const queues = page.getByRole("region", { name: "Queues" }).last();
    await queues.getByRole("row", { name: kit().ready.model }).waitFor();
    expect(await seriousOf(page)).toEqual([]);
    hangUp.abort();
    await Promise.all(asked);
    await page.getByText("Nobody waits").waitFor();

    const told = await page.evaluate<object>(`fetch("/v1/admin/live").then((answer) => answer.json())`);
    const trouble = {
      machine_id: "mach_1",
      serial: "<b>S1</b>",
      is_here: false,
      gate: "draining",
      words: "is draining",
      since: new Date().toISOString(),
    };
    const route = "**/v1/admin/live";
    await page.route(route, (asking) =>
      asking.fulfill({
        json: { ...told, draining: true, troubles: [trouble], coordinators: { bus: "away", others: 2 } },
      }),
    );
    await page.reload();
    await page.getByText("This coordinator drains").waitFor();
    await page.getByText("away: this one serves its own machines alone").waitFor();
    expect(await seriousOf(page)).toEqual([]);
    await page.unroute(route);
    await page.route(route, (asking) => asking.fulfill({ status: 500, json: {} }));
    await page.getByText(/This is as it was at/).waitFor({ timeout: 30_000 });
    await page.unroute(route);
    await page.getByText(/This is as it was at/).waitFor({ state: "detached", timeout: 30_000 });
    await page.route(route, (asking) => asking.fulfill({ json: { ...told, troubles: [trouble] } }));
    await page.getByRole("button", { name: "<b>S1</b>" }).click();
    await page.waitForURL("**/console/machines?machine=mach_1");
    expect(faults).toEqual([]);
  });
}
