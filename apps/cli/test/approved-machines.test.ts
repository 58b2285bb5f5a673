import { join } from "node:path";
import { expect, it } from "vitest";
import { darkbloom, eventually, Running, temporaryFolder } from "./binary.ts";

/** Two processes and a model, on a machine that is seldom idle. */
const SLOW_MS = 120_000;

/**
 * Goal: a new machine serves from the operator's word on, a refused one no more, and each side reads what to do.
 * Method: the real program; a request and what owner, operator and caller read before a decision, after each, and
 * after the coordinator was started again.
 */
it("gives no requests to machines before they are approved", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "coordinator");
  const start = ["coordinator", "--json", "--data", data, "--approve-machines"];
  const where = ["--data", join(folder.path, "provider")];
  const account = await darkbloom(["keys", "create", "--data", data, "--credit", "1.00", "--json"]);
  const { api_key: key }: { api_key: string } = JSON.parse(account.stdout);
  let url = "";
  const ask = async (): Promise<[number, string]> => {
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "darkbloom-tiny", messages: [{ role: "user", content: "Hello" }], max_tokens: 4 }),
    });
    return [answer.status, await answer.text()];
  };
  const statusOf = async () => (await darkbloom(["provider", "status", ...where])).stdout;
  const listed = async (): Promise<Record<string, unknown>[]> =>
    (await darkbloom(["machines", "list", "--data", data, "--json"])).stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line): Record<string, unknown> => JSON.parse(line));

  let port: string;
  let id: string;
  let provider: Running | undefined;
  try {
    {
      await using coordinator = new Running([...start, "--port", "0"]);
      url = (await coordinator.ready).base_url;
      port = new URL(url).port;
      expect((await darkbloom(["machines", "list", "--data", data])).stdout).toBe(
        "No machine is connected, none was decided on, and nothing is held against any.\n",
      );
      provider = new Running(["provider", "start", "--json", "--coordinator", url, ...where]);
      await eventually(async () => (await listed()).some(({ attested }) => attested === true), 60_000);
      const [machine] = await listed();
      expect(machine).toMatchObject({
        state: "undecided",
        decided_at: null,
        connected: true,
        trust_level: "self_signed",
      });
      id = String(machine?.["machine_id"]);

      expect(await ask()).toEqual([503, expect.stringContaining("not approved by the operator")]);
      await eventually(async () => (await statusOf()).includes(`'darkbloom machines approve ${id}'`));
      expect(await statusOf()).not.toContain("This machine may earn.");

      const wrong = await darkbloom(["machines", "approve", "SW-000000000000", "--data", data]);
      expect(wrong).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("No machine of this name") });
      const approved = await darkbloom(["machines", "approve", "all", "--data", data]);
      expect(approved).toMatchObject({ code: 0, stdout: `Approved ${id} (${machine?.["serial"]}).\n` });
      expect((await darkbloom(["machines", "approve", "all", "--data", data])).stdout).toBe(
        "No connected machine waits for a decision.\n",
      );
      expect((await ask())[0]).toBe(200);
      await provider.ready;
      await eventually(async () => (await statusOf()).includes("This machine may earn."));

      const refused = await darkbloom(["machines", "refuse", id, "--data", data, "--json"]);
      expect(JSON.parse(refused.stdout)).toMatchObject({ machine_id: id, state: "refused" });
      expect((await ask())[0]).toBe(503);
    }
    // Away, it can still be decided on, without a coordinator too; and what was decided holds after a restart.
    expect((await darkbloom(["machines", "list", "--data", data])).stdout).toMatch(
      new RegExp(`^MACHINE ID .*\\n${id}  SW-\\S+ +refused  \\S+  no +- +-\\n$`),
    );
    await darkbloom(["machines", "approve", id, "--data", data]);
    await using coordinator = new Running([...start, "--port", port]);
    await coordinator.ready;
    await eventually(async () => (await ask())[0] === 200, 60_000);
    expect(await listed()).toEqual([expect.objectContaining({ machine_id: id, state: "approved", connected: true })]);
  } finally {
    await provider?.[Symbol.asyncDispose]();
  }
});
