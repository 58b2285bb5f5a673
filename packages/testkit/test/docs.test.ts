import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { binary, Folder, Program, run, until } from "./running.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/verify-an-answer.md"), "utf8");
const tools = ["curl", "jq", "xxd", "python3", "base64"].every(
  (tool) => spawnSync(tool, ["--version"]).error === undefined,
);
const openssl = spawnSync("openssl", ["version"], { encoding: "utf8" });
const isOpenSsl3 = openssl.error === undefined && openssl.stdout.startsWith("OpenSSL 3");

/**
 * Goal: whoever follows the page sees what it says. Method: its own commands, in their order, against the running
 * program; only the key in the first of them is another.
 */
it.runIf(tools && isOpenSsl3)("verifies an answer by hand, as the page says", { timeout: 90_000 }, async () => {
  using folder = new Folder();
  await using program = new Program(["up", "--port", "0", "--data", join(folder.path, "net")]);
  const { base_url: url, api_key: key } = await program.ready;
  const [first = "", ...blocks] = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, commands = ""]) => commands);
  expect(first).toMatch(/^URL=.*\nKEY=.*\n$/);
  const script = ["set -euo pipefail", `URL=${url}`, `KEY=${key}`, ...blocks].join("\n");
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` };
  const { stdout, stderr } = await promisify(execFile)("bash", ["-c", script], { cwd: folder.path, env });
  const hashes = stdout.match(/^[0-9a-f]{64}(?= |$)/gm) ?? [];
  expect(hashes).toHaveLength(6);
  expect(hashes[1]).toBe(hashes[0]);
  expect(hashes[3]).toBe(hashes[2]);
  expect(hashes[5]).toBe(hashes[4]);
  expect(stdout.match(/^(true|Verified OK|Signature Verified Successfully)$/gm)).toEqual([
    "Verified OK",
    "true",
    "Verified OK",
    "Signature Verified Successfully",
    "true",
  ]);
  expect(stderr).toBe("");
  const verified = await run(
    process.execPath,
    [binary, "verify", "response", "conversation.txt", "--coordinator", url, "--json"],
    { cwd: folder.path },
  );
  const told = verified.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { good: boolean; checks: { id: string; status: string }[] });
  expect(told.map(({ good }) => good)).toEqual([true, true]);
  for (const { checks } of told)
    for (const id of ["response.hash", "receipt.request", "receipt.response"])
      expect(checks).toContainEqual(expect.objectContaining({ id, status: "pass" }));
});

const readme = readFileSync(join(import.meta.dirname, "../../../README.md"), "utf8");

/**
 * Goal: whoever pastes the first `curl` sees what the README says of its end. Method: start as it says and run what is
 * printed, once as it is and once saved; the length of the last line, and the README's own command over the saved answer.
 */
it.runIf(tools)("ends its first answer as the README says", { timeout: 90_000 }, async () => {
  using folder = new Folder();
  await using program = new Program(["up", "--port", "0", "--data", join(folder.path, "net")], { json: false });
  const printed = /^ {2}(curl -N [^]*?')\n\n/m;
  await until(async () => printed.test(program.printed), 60_000);
  const [, curl = ""] = printed.exec(program.printed) ?? [];
  const url = /http:\/\/[\d.:]+/.exec(curl)?.[0] ?? "";
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` };
  const bash = (script: string) => run("bash", ["-c", script], { cwd: folder.path, env });
  const { stdout } = await bash(curl);
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  const [, said = ""] = /ends in one long line, some ([\d,]+) characters/.exec(readme) ?? [];
  expect(last.length / Number(said.replace(",", "")), `${last.length} characters`).toBeCloseTo(1, 1);
  await bash(curl.replace("curl", "curl -i").concat(" -o answer.txt"));
  const [, verify = ""] = /`npx darkbloom (verify response answer\.txt --coordinator )http:\S+`/.exec(readme) ?? [];
  const verified = await bash(`node ${binary} ${verify}${url}`);
  for (const id of ["response.hash", "receipt.response", "receipt.signature", "receipt.countersignature"])
    expect(verified.stdout).toMatch(new RegExp(`^pass +${id} `, "m"));
  expect(verified.stdout).toContain(`finish_reason  "stop"`);
});
