import { join } from "node:path";
import { expect, it } from "vitest";
import { hasSoftTpm, SoftTpm } from "../../provider/test/soft-tpm.ts";
import { darkbloom, eventually, Running, temporaryFolder } from "./binary.ts";

/** Two processes, a model, and a TPM that is a program, on a machine that is seldom idle. */
const SLOW_MS = 240_000;

/**
 * Goal: a machine whose TPM is gone leaves, says why, and blames no program; its callers' requests are nobody's
 * money, and nobody has to start it again. Method: the real program with its identity key in a software TPM, which
 * is ended before anybody asks, and then started again.
 */
it.skipIf(!hasSoftTpm)(
  "leaves when its TPM is gone, and is back with it (needs swtpm)",
  { timeout: SLOW_MS },
  async () => {
    using folder = temporaryFolder();
    const tpm = await SoftTpm.start();
    try {
      const data = join(folder.path, "coordinator");
      await using coordinator = new Running(["coordinator", "--json", "--port", "0", "--data", data]);
      const { base_url: url } = await coordinator.ready;
      const where = ["--data", join(folder.path, "provider")];
      const home = ["--identity", "tpm", "--tpm", `swtpm:${tpm.address.host}:${tpm.address.port}`];
      await using provider = new Running(["provider", "start", "--json", "--coordinator", url, ...where, ...home]);
      await provider.ready;
      const account = await darkbloom(["keys", "create", "--data", data, "--credit", "1.00", "--json"]);
      const { api_key: key }: { api_key: string } = JSON.parse(account.stdout);
      const ask = () =>
        fetch(`${url}/v1/chat/completions`, {
          method: "POST",
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
          body: JSON.stringify({
            model: "darkbloom-tiny",
            messages: [{ role: "user", content: "Tell me a long story." }],
            max_tokens: 300,
            stream: true,
          }),
        });
      await tpm.switchOff();
      const asked = await Promise.all([ask(), ask(), ask(), ask()]);
      const answers = await Promise.all(asked.map((answer) => answer.text()));
      for (const answer of answers) expect(answer).not.toContain("data: [DONE]");

      await eventually(() => provider.lines.some(({ event }) => event === "lost"));
      expect(provider.lines.find(({ event }) => event === "lost")).toMatchObject({ reason: "key_unavailable" });
      expect(provider.stderr).not.toMatch(/bug/);
      const status = await darkbloom(["provider", "status", ...where]);
      expect(status.stdout).not.toContain("This machine may earn.");
      const balance = await fetch(`${url}/v1/payments/balance`, { headers: { authorization: `Bearer ${key}` } });
      expect(await balance.json()).toMatchObject({ balance_usd: "1.000000" });

      // It tries again by itself, at least every 30 s.
      await tpm.switchOn();
      await eventually(() => provider.lines.at(-1)?.event === "eligible", 60_000);
      await eventually(async () => (await (await ask()).text()).includes("data: [DONE]"), 30_000);
      const again = await darkbloom(["provider", "status", ...where]);
      expect(again.stdout).toContain("This machine may earn.");
    } finally {
      await tpm[Symbol.asyncDispose]();
    }
  },
);
