import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { wellKnownSchema } from "@darkbloom/protocol/wire";
import { expect, it } from "vitest";
import { hasSoftTpm, SoftTpm } from "../../provider/test/soft-tpm.ts";
import { darkbloom, Running, temporaryFolder } from "./binary.ts";

/** Two processes, a model, and a TPM that is a program, on a machine that is seldom idle. */
const SLOW_MS = 120_000;

const checksIn = (stdout: string): Record<string, string> =>
  Object.fromEntries(
    stdout
      .split("\n")
      .map((line) => /^\s+(pass|fail|unknown)\s+([a-z_.]+)/.exec(line))
      .flatMap((found) => (found?.[1] !== undefined && found[2] !== undefined ? [[found[2], found[1]]] : [])),
  );

/**
 * Goal: a machine whose TPM's maker the operator knows is at level `hardware`, to the operator, to its owner, to
 * callers and to whoever verifies it from outside. Method: the real program, a software TPM, and each of their eyes.
 */
it.skipIf(!hasSoftTpm)("serves at level hardware (needs swtpm)", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  await using tpm = await SoftTpm.start();
  const maker = join(folder.path, "maker.der");
  writeFileSync(maker, tpm.issuerDer);
  const fingerprint = createHash("sha256").update(tpm.issuerDer).digest("hex");
  const root = `${maker}=${fingerprint}`;
  const data = join(folder.path, "coordinator");
  const start = ["coordinator", "--json", "--port", "0", "--data", data, "--min-trust", "hardware"];

  const wrong = await darkbloom([...start, "--tpm-root", `${maker}=${"0".repeat(64)}`]);
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining(`SHA-256 of the DER) is ${fingerprint}`) });

  await using coordinator = new Running([...start, "--tpm-root", root]);
  const { base_url: url } = await coordinator.ready;
  const where = ["--data", join(folder.path, "provider")];
  const home = ["--identity", "tpm", "--tpm", `swtpm:${tpm.address.host}:${tpm.address.port}`];
  await using provider = new Running(["provider", "start", "--json", "--coordinator", url, ...where, ...home]);
  expect(await provider.ready).toMatchObject({ trust_level: "hardware" });

  const status = await darkbloom(["provider", "status", ...where]);
  expect(status).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Trust level +hardware$/m) });
  expect(status.stdout).toMatch(/^pass +tpm\.activation: /m);

  const account = await darkbloom(["keys", "create", "--data", data, "--credit", "1.00", "--json"]);
  const { api_key: key }: { api_key: string } = JSON.parse(account.stdout);
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "darkbloom-tiny", messages: [{ role: "user", content: "Hello" }], max_tokens: 8 }),
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("x-provider-trust-level")).toBe("hardware");
  await answer.text();

  const published = await fetch(`${url}/.well-known/darkbloom`);
  const { coordinator_keys } = wellKnownSchema.parse(await published.json());
  const word = ["--coordinator-key", coordinator_keys[0]?.public_key ?? ""];
  const verify = ["verify", "providers", "--coordinator", url, "--api-key", key];
  const known = await darkbloom([...verify, ...word, "--tpm-root", root, "--min", "hardware"]);
  expect(known.code).toBe(0);
  expect(checksIn(known.stdout)).toMatchObject({
    "challenge.caller_nonce": "pass",
    "tpm.ek.path": "pass",
    "tpm.activation": "pass",
    "tpm.quote.nonce": "pass",
    "key.residency": "pass",
    "published.level": "pass",
  });
  // Without the coordinator's word one link is open, and only that.
  const wordless = await darkbloom([...verify, "--tpm-root", root]);
  expect(wordless.code).toBe(0);
  expect(checksIn(wordless.stdout)).toMatchObject({
    "tpm.ek.path": "pass",
    "tpm.activation": "unknown",
    "key.residency": "unknown",
    "published.level": "unknown",
  });
  // Whoever gives no root is told what could not be checked, and is lied to by nobody.
  const unknown = await darkbloom(verify);
  expect(unknown.code).toBe(0);
  expect(checksIn(unknown.stdout)).toMatchObject({ "tpm.ek.path": "unknown", "published.level": "unknown" });
  expect((await darkbloom([...verify, "--min", "hardware"])).code).toBe(1);
});
