import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "@darkbloom/protocol/node";
import { temporaryFolder } from "../../test/binary.ts";
import type { Command } from "../command.ts";
import { CommandFailed, WrongUsage } from "../failure.ts";
import { KeptSessions } from "../login/kept.ts";
import { login } from "./login.ts";
import { logout } from "./logout.ts";
import { whoami } from "./whoami.ts";

const coordinator = new URL("https://coordinator.example");
const SESSION = "darkbloom-session-x";

const stdin = vi.hoisted(() => ({ line: "" }));
vi.mock("../stdin-line.ts", () => ({ lineFromStdin: async () => stdin.line }));

let said: string;
beforeEach(() => {
  said = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

/** A user's folder, with a session in it or without, and a coordinator that answers everything so. */
async function folder({ session }: { session?: string }, answer: () => Response) {
  const place = temporaryFolder();
  const kept = new KeptSessions(place.path);
  if (session !== undefined) await kept.keep(coordinator, session);
  const fetched = vi.spyOn(globalThis, "fetch").mockImplementation(async () => answer());
  const flags = { coordinator: [coordinator.href], config: [place.path] };
  return {
    asked: () => fetched.mock.calls.length,
    isKept: () => kept.at(coordinator) !== undefined,
    run: (command: Command, more: { withToken?: string[] } = {}) => command.run({ ...flags, ...more }, {}, ""),
    files: () => readdirSync(join(place.path, "sessions")).filter((name) => name !== "lock.db"),
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}

const me = { name: "anna", role: "member", account: "acct_1", session: { expires_at: "2030-01-01T00:00:00.000Z" } };
const opened = { device_code: "d", user_code: "UUUU", verification_uri: "https://page.example", expires_in: 0 };

/** Goal: a person sees what to do. Method: a coordinator with a page that has the code in it, and one without; the wait is over at once. */
it.each([
  [{}, false],
  [{ verification_uri_complete: "https://page.example/UUUU" }, true],
])("with %j shows a page with the code: %j", async (more, hasPage) => {
  using at = await folder({}, () => Response.json({ ...opened, ...more }));
  await expect(at.run(login)).rejects.toThrow("before the code ended");
  expect(said).toContain("Open https://page.example where you are signed in, and enter this code:\n  UUUU\n");
  expect(said.match(/or look there for the same code: (\S+)/)?.[1]).toBe(
    hasPage ? "https://page.example/UUUU" : undefined,
  );
  expect(at.files()).toEqual([]);
});

/**
 * Goal: no session stays open that this user cannot end. Method: one is granted, and then the coordinator is away, or
 * takes it no more.
 */
it.each([
  [503, "(status 503)", true],
  [401, "Nothing is kept.", false],
])("with a granted session and status %d then", async (status, words, isKept) => {
  vi.spyOn(systemClock, "sleep").mockResolvedValue();
  const answers = [{ ...opened, expires_in: 60 }, { access_token: SESSION }].map((body) => Response.json(body));
  using at = await folder({}, () => answers.shift() ?? Response.json({}, { status }));
  await expect(at.run(login)).rejects.toThrow(words);
  expect(at.isKept()).toBe(isKept);
});

describe("login with a session from stdin", () => {
  const withToken = ["true"];

  /** Goal: a session that the coordinator takes is kept, and whose it is said. Method: one. */
  it("keeps it", async () => {
    stdin.line = SESSION;
    using at = await folder({}, () => Response.json(me));
    expect(await at.run(login, { withToken })).toBe(0);
    expect(said).toContain("as anna (member) until 2030-01-01T00:00:00.000Z");
    expect([at.asked(), at.isKept()]).toEqual([1, true]);
  });

  /** Goal: nothing else is kept. Method: one that the coordinator does not take, and what is none. */
  it.each<[line: string, refused: typeof CommandFailed | typeof WrongUsage, words: string, asked: number]>([
    [SESSION, CommandFailed, "does not take this session. Nothing is kept.", 1],
    ["hunter2", WrongUsage, "The session on stdin must be", 0],
  ])("keeps no %s", async (line, refused, words, asked) => {
    stdin.line = line;
    using at = await folder({}, () => Response.json({}, { status: 401 }));
    const signing = at.run(login, { withToken });
    await expect(signing).rejects.toThrow(refused);
    await expect(signing).rejects.toThrow(words);
    expect([said, at.asked(), at.files()]).toEqual(["", asked, []]);
  });
});

describe("logout", () => {
  /** Goal: what became of the session is said. Method: none, one that is open, and one that was over; and what was asked for. */
  it.each([
    [{}, 200, "Nobody is signed in at", 0],
    [{ session: SESSION }, 200, "Signed out at", 1],
    [{ session: SESSION }, 401, "was over already", 1],
  ])("of %j with %d says: %s", async (has, status, words, asked) => {
    using at = await folder(has, () => Response.json({}, { status }));
    expect(await at.run(logout)).toBe(0);
    expect(said).toContain(words);
    expect([at.asked(), at.isKept()]).toEqual([asked, false]);
  });

  /** Goal: a session that may go on stays, and a bug is told as one. Method: a fault of the coordinator, and an answer that throws when it is looked at. */
  it("keeps what may go on", async () => {
    using at = await folder({ session: SESSION }, () => Response.json({}, { status: 500 }));
    await expect(at.run(logout)).rejects.toThrow(/was not understood.* The session may go on, so .* stays\.$/);
    const bug = new RangeError("a bug");
    using other = await folder({ session: SESSION }, () =>
      Object.defineProperty(new Response(), "ok", {
        get: () => {
          throw bug;
        },
      }),
    );
    await expect(other.run(logout)).rejects.toBe(bug);
    expect([at.isKept(), other.isKept()]).toEqual([true, true]);
  });
});

describe("whoami", () => {
  /** Goal: whoever is not signed in learns why. Method: no session, and one that is over. */
  it.each([
    [{}, "Nobody is signed in at", 0],
    [{ session: SESSION }, "The session is over at", 1],
  ])("of %j says: %s", async (has, words, asked) => {
    using at = await folder(has, () => Response.json({}, { status: 401 }));
    const asking = at.run(whoami);
    await expect(asking).rejects.toThrow(words);
    await expect(asking).rejects.toThrow(CommandFailed);
    expect([said, at.asked()]).toEqual(["", asked]);
  });

  /** Goal: whoever is signed in learns as whom. Method: one session. */
  it("says who is signed in", async () => {
    using at = await folder({ session: SESSION }, () => Response.json(me));
    expect(await at.run(whoami)).toBe(0);
    expect(said).toMatch(/^name +anna\nrole +member\naccount +acct_1\n/);
  });
});
