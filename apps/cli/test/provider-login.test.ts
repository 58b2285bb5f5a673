import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openEdge } from "../../coordinator/test/http-kit.ts";
import { personOf, signIn } from "../../coordinator/test/signed-in.ts";
import { darkbloom, eventually, Running, temporaryFolder } from "./binary.ts";

/** Two processes and a model, on a machine that is seldom idle. */
const SLOW_MS = 120_000;
const TOKEN = /darkbloom-machine-[\w-]{43}/;

const fieldsOf = (line: object | undefined): Record<string, unknown> => Object.fromEntries(Object.entries(line ?? {}));
const decide = (origin: string, cookie: string, userCode: string, decision = "approve") =>
  fetch(`${origin}/device`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", cookie, origin },
    body: new URLSearchParams({ user_code: userCode, decision }).toString(),
  });

/** The program as it waits, and the code that it shows. */
async function waiting(args: readonly string[]) {
  const running = new Running(["provider", "login", "--json", ...args]);
  await eventually(() => running.lines.length > 0);
  return { running, userCode: String(fieldsOf(running.lines[0])["user_code"]) };
}

/**
 * Goal: from a machine that is nobody's to one that is somebody's, by the code alone, and back, where nobody joins without a token. Method: the real programs; somebody signs in
 * by the coordinator's link, lets the machine in after it has asked whether it was; what owner, machine and caller see, also when it is unlinked.
 */
it("makes a machine somebody's, and nobody's again", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "coordinator");
  const machine = join(folder.path, "provider");
  const where = ["--data", machine];
  await using coordinator = new Running(["coordinator", "--json", "--data", data, "--port", "0"], {
    DARKBLOOM_JOIN_TOKEN: "a-token-that-nobody-shows",
  });
  const { base_url: url } = await coordinator.ready;
  const link = await darkbloom(["account", "link", "--data", data, "--json"]);
  const secret =
    String(fieldsOf(JSON.parse(link.stdout) as object)["sign_in_url"])
      .split("/")
      .at(-1) ?? "";
  const signedIn = await fetch(`${url}/sign-in/link`, {
    method: "POST",
    redirect: "manual",
    headers: { "content-type": "application/x-www-form-urlencoded", origin: url },
    body: new URLSearchParams({ secret }).toString(),
  });
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  const me = async (path: string) => await fetch(`${url}/v1/me${path}`, { headers: { cookie } });
  const mine = async () => ((await (await me("/providers")).json()) as { data: Record<string, unknown>[] }).data;
  const { account } = (await (await me("")).json()) as { account: string };

  const start = ["provider", "start", "--json", "--coordinator", url, ...where];
  {
    const { running, userCode } = await waiting(["--coordinator", url, ...where]);
    await using _ = running;
    // It has asked once by then, and was told to wait.
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    expect((await decide(url, cookie, userCode)).status).toBe(200);
    expect(await running.ended).toBe(0);
    expect(fieldsOf(running.lines[1])).toMatchObject({ event: "linked", account, coordinator: `${url}/` });
    expect(JSON.stringify(running.lines) + running.stderr).not.toMatch(TOKEN);
  }
  expect(statSync(join(machine, "machine-token")).mode & 0o777).toBe(0o600);
  expect(await mine()).toMatchObject([{ owned: false, keeps_from_earning: { gate: "not_proven" } }]);

  await using provider = new Running(start);
  await provider.ready;
  const [owned] = await mine();
  expect(owned).toMatchObject({
    owned: true,
    connected: true,
    keeps_from_earning: null,
    models: ["darkbloom-tiny-q8_0"],
  });
  expect((await darkbloom(["provider", "status", ...where])).stdout).toMatch(new RegExp(`^Owner +${account}$`, "m"));
  const ask = async () =>
    await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { cookie, origin: url, "content-type": "application/json", "x-darkbloom-route": "self" },
      body: JSON.stringify({ model: "darkbloom-tiny", messages: [{ role: "user", content: "Hello" }], max_tokens: 4 }),
    });
  expect((await ask()).status, "for nothing: the account has nothing").toBe(200);

  // Another machine with its token is not taken for it.
  const thief = join(folder.path, "thief");
  await darkbloom(["provider", "attest", "--data", thief]);
  writeFileSync(join(thief, "machine-token"), readFileSync(join(machine, "machine-token")), { mode: 0o600 });
  await using stolen = new Running(["provider", "start", "--json", "--coordinator", url, "--data", thief]);
  await eventually(() => stolen.lines.some((line) => fieldsOf(line)["reason"] === "unlinked"), 60_000);
  expect(await mine()).toHaveLength(1);

  const given = await darkbloom(["provider", "logout", ...where, "--json"]);
  expect(JSON.parse(given.stdout)).toMatchObject({ unlinked: true });
  expect(existsSync(join(machine, "machine-token"))).toBe(false);
  expect([await mine(), (await ask()).status]).toEqual([[], 503]);
  await eventually(() => provider.lines.some((line) => fieldsOf(line)["reason"] === "unlinked"));
  expect((await darkbloom(["provider", "logout", ...where])).stdout).toContain("Nobody has let in the machine");
});

/** Goal: let in before its first question, refused, or given up, it says so and leaves nothing but what it was given. Method: the real program with each of them. */
it("is let in, or not, at any time", { timeout: SLOW_MS }, async () => {
  await using edge = await openEdge();
  const { secret, person } = await signIn(edge.deps, personOf("anna"), "browser");
  const cookie = `darkbloom-${edge.port}=${secret}`;
  using folder = temporaryFolder();
  const args = ["--coordinator", edge.origin, "--data", folder.path];
  {
    const { running, userCode } = await waiting(args);
    await using _ = running;
    await decide(edge.origin, cookie, userCode, "deny");
    expect(await running.ended).toBe(1);
    expect(running.stderr).toContain("was not let in. Nothing is kept. To ask again: darkbloom provider login");
  }
  {
    const { running } = await waiting(args);
    await using _ = running;
    running.pressCtrlC();
    expect(await running.ended).not.toBe(0);
  }
  expect(readdirSync(folder.path)).not.toContain("machine-token");
  const { running, userCode } = await waiting(args);
  await using _ = running;
  await decide(edge.origin, cookie, userCode);
  expect(await running.ended).toBe(0);
  const [linked] = edge.deps.owners.ofAccount(person.account);
  expect(fieldsOf(running.lines[1])).toMatchObject({ machine_id: linked?.machineId, account: person.account });
  expect(readFileSync(join(folder.path, "machine-token"), "utf8")).toMatch(
    new RegExp(`^${edge.origin}/\n${TOKEN.source}\n$`),
  );
  // A coordinator that is away ends no token, and its file is all there is to end it by.
  writeFileSync(join(folder.path, "machine-token"), `http://127.0.0.1:1/\ndarkbloom-machine-${"x".repeat(43)}\n`);
  expect(await darkbloom(["provider", "logout", "--data", folder.path])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("The token may go on"),
  });
  writeFileSync(join(folder.path, "machine-token"), "nonsense");
  expect((await darkbloom(["provider", "logout", "--data", folder.path])).stderr).toContain("is damaged");
  expect(await darkbloom(["provider", "login", "--coordinator", "http://192.0.2.1"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("can be read on the way"),
  });
});
