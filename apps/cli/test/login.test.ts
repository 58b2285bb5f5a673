import { systemClock } from "@darkbloom/protocol/node";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openEdge } from "../../coordinator/test/http-kit.ts";
import { personOf, signIn } from "../../coordinator/test/signed-in.ts";
import { sessionByDevice, type Asking } from "../src/login/device.ts";
import {
  LOGIN_ASK_EVERY_MS_MAX,
  LOGIN_WAIT_MS_MAX,
  SAID_CHARS_MAX,
  SESSION_ANSWER_BYTES_MAX,
} from "../src/login/limits.ts";
import { darkbloom, eventually, Running, temporaryFolder } from "./binary.ts";

const UNKNOWN = `darkbloom-session-${"x".repeat(43)}`;

/** A coordinator whose time passes while the program sleeps, somebody who is signed in there, and the program on a folder of its own. */
async function openLogin() {
  const time = { ms: 1_000_000 };
  const edge = await openEdge({ clock: { ...systemClock, now: () => time.ms, monotonicMs: () => time.ms } });
  const { secret, person } = await signIn(edge.deps, personOf("anna"), "browser");
  const folder = temporaryFolder();
  const sleeps: number[] = [];
  return {
    ...edge,
    time,
    person,
    sleeps,
    sessions: join(folder.path, "sessions"),
    args: ["--coordinator", edge.origin, "--config", folder.path, "--json"],
    run: (...words: string[]) => darkbloom([...words, "--coordinator", edge.origin, "--config", folder.path]),
    withToken: (input: string) =>
      darkbloom(["login", "--with-token", "--coordinator", edge.origin, "--config", folder.path], { input }),
    decide: (userCode: string, decision: string) =>
      edge.get("/device", {
        method: "POST",
        headers: {
          "content-type": "application/x-www-form-urlencoded",
          cookie: `darkbloom-${edge.port}=${secret}`,
          origin: edge.origin,
        },
        body: new URLSearchParams({ user_code: userCode, decision }).toString(),
      }),
    /** The story itself, in the edge's time. @param passing done before each time passes */
    wait: (passing: (asking: Asking, nth: number) => unknown, stretch: (nth: number) => number = () => 1) => {
      let shown: Asking | undefined;
      const sleep = async (ms: number): Promise<void> => {
        sleeps.push(ms);
        if (shown) await passing(shown, sleeps.length);
        time.ms += ms * stretch(sleeps.length);
      };
      const clock = { ...systemClock, now: () => time.ms, monotonicMs: () => time.ms, sleep };
      const show = (asking: Asking): void => void (shown = asking);
      return sessionByDevice(new URL(edge.origin), { clock, deviceName: "darkbloom on laptop", show });
    },
    async [Symbol.asyncDispose]() {
      folder[Symbol.dispose]();
      await edge[Symbol.asyncDispose]();
    },
  };
}

/** Somebody who answers everything in one way. */
async function openOther(answer: (path: string) => { status: number; body: string; location?: string }) {
  const came: string[] = [];
  const server: Server = createServer(({ url = "", headers }, response) => {
    came.push(`${url} ${headers.authorization ?? ""}`.trim());
    const { status, body, location } = answer(url);
    response.writeHead(status, location === undefined ? {} : { location }).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    came,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe("the program signs somebody in", () => {
  /** Goal: from a code to a session that is kept, named and ended. Method: the real program, let in while it waits. */
  it("by a code", { timeout: 60_000 }, async () => {
    await using at = await openLogin();
    await using running = new Running(["login", ...at.args]);
    await eventually(() => running.lines.length > 0);
    const [waiting] = running.lines.map((line) =>
      Object.fromEntries(Object.entries(line).map(([name, value]) => [name, String(value)])),
    );
    expect(waiting).toMatchObject({ event: "waiting", verification_uri: `${at.origin}/device` });
    expect(waiting?.["verification_uri_complete"]).toContain(waiting?.["user_code"]);
    expect((await at.decide(waiting?.["user_code"] ?? "", "approve")).status).toBe(200);
    expect(await running.ended).toBe(0);
    const expected = { name: "anna", role: "member", account: at.person.account, coordinator: `${at.origin}/` };
    expect(running.lines[1]).toMatchObject({ ...expected, event: "signed_in" });
    const [file = ""] = readdirSync(at.sessions).filter((name) => name.startsWith("127.0.0.1-"));
    expect(statSync(join(at.sessions, file)).mode & 0o777).toBe(0o600);
    const session = /darkbloom-session-\S+/.exec(readFileSync(join(at.sessions, file), "utf8"))?.[0];
    expect(JSON.stringify(running.lines) + running.stderr).not.toContain(session);
    const who = await at.run("whoami", "--json");
    expect(JSON.parse(who.stdout)).toEqual({ ...expected, expires_at: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect((await at.run("whoami")).stdout).toMatch(/^name +anna$/m);
    const made = await at.run("keys", "create", "--name", "laptop", "--json");
    expect(JSON.parse(made.stdout)).toMatchObject({ account: at.person.account, api_key: expect.any(String) });
    expect((await at.run("keys", "list")).stdout).toContain(JSON.parse(made.stdout).key_id);
    expect(await at.run("logout", "--json")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"ended":true'),
    });
    expect((await at.get("/v1/me", { headers: { authorization: `Bearer ${session}` } })).status).toBe(401);
    expect(readdirSync(at.sessions)).not.toContain(file);
    expect(await at.run("logout")).toMatchObject({ code: 0, stdout: expect.stringContaining("Nobody is signed in") });
    const nobody = await at.run("whoami");
    expect(nobody).toMatchObject({ code: 1, stderr: expect.stringContaining("Run darkbloom login --coordinator") });
  });

  /** Goal: Ctrl-C ends the wait at once and leaves nothing. Method: press it while it waits. */
  it("unless it is given up", { timeout: 30_000 }, async () => {
    await using at = await openLogin();
    await using running = new Running(["login", ...at.args]);
    await eventually(() => running.lines.length > 0);
    running.pressCtrlC();
    expect(await running.ended).not.toBe(0);
    expect(readdirSync(at.sessions)).toEqual(["lock.db"]);
  });

  /** Goal: a session that somebody has is taken where the coordinator takes it. Method: a good one, one of nobody, a key, and nonsense. */
  it("by a session from stdin", { timeout: 30_000 }, async () => {
    await using at = await openLogin();
    const { secret } = await signIn(at.deps, personOf("bert"));
    expect(await at.withToken(`${UNKNOWN}\n`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("does not take this session. Nothing is kept."),
    });
    for (const nonsense of ["hunter2", "", "eigeninference-key", `darkbloom-session-${"x".repeat(256)}`]) {
      const { code, stderr } = await at.withToken(`${nonsense}\n`);
      expect([code, stderr]).toEqual([
        2,
        "darkbloom: The session on stdin must be darkbloom-session-… on the first line.\n",
      ]);
    }
    expect(readdirSync(at.sessions)).toEqual(["lock.db"]);
    expect(await at.withToken(`${secret}\n`)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("as bert (member)"),
    });
    await at.deps.people.change(personOf("bert").personId, { disabledAt: 1 });
    expect(await at.run("whoami")).toMatchObject({ code: 1, stderr: expect.stringContaining("The session is over") });
    expect(await at.run("logout")).toMatchObject({ code: 0, stdout: expect.stringContaining("was over already") });
    expect(readdirSync(at.sessions)).toEqual(["lock.db"]);
  });
});

describe("while it waits for a person", () => {
  /** Goal: it asks as often as it is told. Method: a coordinator whose time goes slower than ours once, so that it is asked too early. */
  it("slows down when it is told to", async () => {
    await using at = await openLogin();
    const session = await at.wait(
      ({ userCode }, nth) => nth === 3 && at.decide(userCode, "approve"),
      (nth) => (nth === 2 ? 0.9 : 1),
    );
    expect(session).toMatch(/^darkbloom-session-/);
    expect(at.sleeps.slice(0, 3)).toEqual([5_000, 5_000, 10_000]);
  });

  /** Goal: whoever is not let in learns why. Method: no, nobody, and a code that the coordinator has forgotten. */
  it("says why nobody came", async () => {
    await using at = await openLogin();
    await expect(at.wait(({ userCode }) => at.decide(userCode, "deny"))).rejects.toThrow("was not let in");
    await expect(at.wait(() => undefined)).rejects.toThrow("before the code ended");
    await expect(
      at.wait(
        () => undefined,
        () => 125,
      ),
    ).rejects.toThrow("before the code ended");
    const crowd = async (): Promise<void> => {
      for (let n = 0; n < 10; n++)
        await at.get("/v1/device/code", {
          method: "POST",
          headers: { "content-type": "application/x-www-form-urlencoded" },
          body: "client_id=darkbloom-cli",
        });
    };
    await expect(at.wait(crowd)).rejects.toThrow("does not know this code any more");
  });

  /** Goal: what a coordinator says of itself and of a person stands where it belongs: no line of its own, nothing for the terminal, no page that is none, no flood. Method: the real program with one that says all of it. */
  it("shows nothing but what was asked for", { timeout: 30_000 }, async () => {
    const bad = "n\nSigned in at https://bank.example\u001b[2J\u202e";
    const me = { name: bad, role: bad, account: bad, session: { expires_at: bad } };
    let opened = {};
    using other = await openOther((path) => {
      if (path === "/v1/device/code") return { status: 200, body: JSON.stringify(opened) };
      return { status: 200, body: JSON.stringify({ ...me, access_token: UNKNOWN }) };
    });
    using folder = temporaryFolder();
    const run = (name: string) => darkbloom([name, "--coordinator", other.origin, "--config", folder.path]);
    const asking = { device_code: "d", user_code: bad, verification_uri: "http://x/", expires_in: 60, interval: 1 };
    opened = { ...asking, verification_uri_complete: "file:///etc/passwd" };
    const { code, stdout } = await run("login");
    expect([code, stdout.split("\n").length]).toEqual([0, 5]);
    expect(stdout).not.toMatch(/file:|\u202e|^Signed in at https:/m);
    expect(stdout).not.toContain("\u001b");
    expect((await run("whoami")).stdout.split("\n")).toHaveLength(6);
    for (opened of [
      { ...asking, verification_uri: "javascript:alert(1)" },
      { ...asking, verification_uri: "http://" },
      { ...asking, user_code: "u".repeat(SAID_CHARS_MAX + 1) },
    ])
      expect(await run("login")).toMatchObject({
        code: 1,
        stdout: "",
        stderr: expect.stringContaining("not understood"),
      });
  });

  /** Goal: no coordinator makes it wait for ever, or ask without a pause. Method: one that names absurd times and only says 503. */
  it("has an end of its own", async () => {
    const opened = { device_code: "d", user_code: "u", verification_uri: "http://x", expires_in: 1e9, interval: 0 };
    using other = await openOther((path) =>
      path === "/v1/device/code" ? { status: 200, body: JSON.stringify(opened) } : { status: 503, body: "" },
    );
    const [sleeps, time] = [[] as number[], { ms: 0 }];
    const sleep = async (ms: number): Promise<void> => {
      sleeps.push(ms);
      time.ms += ms;
    };
    const clock = { now: () => time.ms, monotonicMs: () => time.ms, sleep };
    const asked: number[] = [];
    const show = ({ untilMs }: Asking): void => void asked.push(untilMs);
    const waited = sessionByDevice(new URL(other.origin), { clock, deviceName: "x", show });
    await expect(waited).rejects.toThrow("before the code ended");
    expect(asked).toEqual([LOGIN_WAIT_MS_MAX]);
    expect([sleeps[0], sleeps[1], sleeps.at(-1)]).toEqual([1_000, 6_000, LOGIN_ASK_EVERY_MS_MAX]);
    expect(time.ms).toBeLessThan(LOGIN_WAIT_MS_MAX);
  });
});

describe("a session", () => {
  /** Goal: it goes to its own coordinator alone. Method: one that sends everybody on; each command; and where the file was moved to another's name. */
  it("is sent nowhere else", { timeout: 30_000 }, async () => {
    using elsewhere = await openOther(() => ({ status: 200, body: "{}" }));
    using here = await openOther((path) => ({ status: 307, body: "", location: elsewhere.origin + path }));
    using folder = temporaryFolder();
    const args = ["--coordinator", here.origin, "--config", folder.path];
    const away = { code: 1, stderr: expect.stringContaining("does not answer") };
    expect(await darkbloom(["login", ...args])).toMatchObject(away);
    expect(await darkbloom(["login", "--with-token", ...args], { input: UNKNOWN })).toMatchObject(away);
    expect(here.came).toEqual(["/v1/device/code", `/v1/me Bearer ${UNKNOWN}`]);
    expect(elsewhere.came).toEqual([]);
  });

  /** Goal: a session that may go on is not lost. Method: log out where nobody listens any more; and where the answer is too long. */
  it("is kept where the coordinator cannot be reached", { timeout: 30_000 }, async () => {
    const me = { name: "a", role: "member", account: "acct_a", session: { expires_at: "2030-01-01T00:00:00.000Z" } };
    using folder = temporaryFolder();
    const sessions = () => readdirSync(join(folder.path, "sessions")).filter((name) => name !== "lock.db");
    let args: string[];
    {
      using coordinator = await openOther((path) => ({
        status: 200,
        body: path === "/v1/me" ? JSON.stringify(me) : "x".repeat(SESSION_ANSWER_BYTES_MAX + 1),
      }));
      args = ["--coordinator", coordinator.origin, "--config", folder.path];
      expect((await darkbloom(["login", "--with-token", ...args], { input: UNKNOWN })).code).toBe(0);
      const long = await darkbloom(["logout", ...args]);
      expect(long).toMatchObject({ code: 1, stderr: expect.stringContaining("is longer than") });
    }
    const gone = await darkbloom(["logout", ...args]);
    expect(gone).toMatchObject({ code: 1, stderr: expect.stringContaining("does not answer") });
    expect(gone.stderr).toContain("The session may go on, so");
    const [file = ""] = sessions();
    const moved = readFileSync(join(folder.path, "sessions", file), "utf8").replace("127.0.0.1", "127.0.0.2");
    writeFileSync(join(folder.path, "sessions", file), moved);
    const damaged = await darkbloom(["whoami", ...args]);
    expect(damaged).toMatchObject({ code: 1, stderr: expect.stringContaining("is damaged") });
  });

  /** Goal: nobody on the way reads it. Method: plain HTTP to another machine, by each command. */
  it.each(["login", "logout", "whoami"])("does not leave this machine in clear: %s", async (name) => {
    using folder = temporaryFolder();
    const end = await darkbloom([name, "--coordinator", "http://192.0.2.1", "--config", folder.path]);
    expect(end).toMatchObject({ code: 2, stderr: expect.stringContaining("can be read on the way") });
    expect((await darkbloom([name, "--help"])).stdout).toContain(`Examples:\n  darkbloom ${name} --coordinator`);
  });
});
