import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { darkbloom, Running, temporaryFolder } from "./binary.ts";

/** A start takes two seconds on an idle machine; the test machines are seldom idle. */
const SLOW_MS = 90_000;

const filesBelow = (path: string): string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name));

/**
 * Goal: a serial that is not disclosed reaches nobody but the machine's owner: no caller, no log, no file of the
 * coordinator. Method: a network with the fullest log, a request that pins the machine by its serial, and a search
 * for the serial in everything that came out; the pseudonym is searched for too, so that the search is known to find.
 */
it.each(["pseudonym", "none"])("keeps serials to their owners, disclosing %s", { timeout: SLOW_MS }, async (what) => {
  using folder = temporaryFolder();
  const coordinator = join(folder.path, "coordinator");
  const machine = ["--data", join(folder.path, "provider-1")];
  const setting = ["--serial-disclosure", what, "--log-level", "debug"];
  await using network = new Running(["up", "--json", "--port", "0", "--data", folder.path, ...setting]);
  const { base_url: url, api_key: key, model, provider_serial: own } = await network.ready;
  expect(own).toMatch(/^SW-/);
  const status = JSON.parse((await darkbloom(["provider", "status", ...machine, "--json"])).stdout);
  expect(status).toMatchObject({ serial: own, serial_alias: expect.stringMatching(/^PS-/) });
  const alias: string = status.serial_alias;
  expect((await darkbloom(["provider", "status", ...machine])).stdout).toMatch(
    new RegExp(`^Serial +${own}$[^]*^In evidence +${alias}$`, "m"),
  );

  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const seen: string[] = [];
  const ask = async (path: string, body?: object): Promise<Response> => {
    const sent = body && { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(url + path, { headers, ...sent });
    seen.push(JSON.stringify([...response.headers]), await response.clone().text());
    return response;
  };
  const chat = (pin: string, more: object = {}) =>
    ask("/v1/chat/completions", {
      model,
      messages: [{ role: "user", content: "Hello" }],
      max_tokens: 8,
      provider_serial: pin,
      ...more,
    });
  const answered = await chat(own);
  expect([answered.status, answered.headers.get("x-provider-serial")]).toEqual([200, what === "none" ? null : alias]);
  expect((await chat(alias, { stream: true })).status).toBe(200);
  expect((await chat("SW-000000000000")).status).toBe(503);
  const nonce = Buffer.alloc(32, 1).toString("base64url");
  for (const path of [
    "/v1/providers/attestation",
    `/v1/providers/attestation?nonce=${nonce}`,
    `/v1/receipts/${answered.headers.get("x-inference-job-id")}`,
    "/v1/payments/usage",
    "/v1/models",
    "/v1/key",
    "/metrics",
  ])
    expect((await ask(path)).status, path).toBe(200);
  const verified = await darkbloom(["verify", "providers", "--coordinator", url, "--json"]);
  expect(verified.code).toBe(0);
  seen.push(verified.stdout);
  const written = filesBelow(coordinator).map((file) => readFileSync(file).toString("latin1"));
  network.pressCtrlC();
  expect(await network.ended).toBe(0);

  const blobs = seen.join("").match(/[\w+/]{200,}={0,2}/g) ?? [];
  const everything = [
    ...seen,
    ...blobs.map((blob) => Buffer.from(blob, "base64").toString("latin1")),
    ...written,
    ...filesBelow(coordinator).map((file) => readFileSync(file).toString("latin1")),
    network.stderr,
  ];
  expect(everything.filter((text) => text.includes(own))).toEqual([]);
  for (const part of [blobs.map((blob) => atob(blob)).join(""), written.join(""), network.stderr])
    expect(part).toContain(alias);

  using database = new DatabaseSync(join(coordinator, "coordinator.db"), { readOnly: true });
  expect(database.prepare("SELECT DISTINCT serial FROM settlements WHERE serial IS NOT NULL").all()).toEqual([
    { serial: alias },
  ]);
  expect(statSync(join(coordinator, "network-key.hex")).mode & 0o777).toBe(0o600);
});
