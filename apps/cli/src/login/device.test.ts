import { afterEach, expect, it, vi } from "vitest";
import { CommandFailed } from "../failure.ts";
import { sessionByDevice, type Asking } from "./device.ts";

afterEach(() => vi.restoreAllMocks());

const coordinator = new URL("https://coordinator.example");
const SESSION = "darkbloom-session-x";
const opened = {
  device_code: "d",
  user_code: "u",
  verification_uri: "https://page.example",
  expires_in: 60,
  interval: 2,
};

type Answer = readonly [status: number, body: object];
const good: Answer = [200, { access_token: SESSION }];
const pending: Answer = [400, { error: "authorization_pending" }];

/** A coordinator that says one thing after the other, the last one for ever, and the program with a clock that only its sleep moves; "away": no answer. */
async function logIn(first: Answer, ...then: readonly (Answer | "away")[]) {
  const answers: (Answer | "away")[] = [first, ...then];
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? "away";
    if (answer === "away") throw new TypeError("fetch failed");
    return Response.json(answer[1], { status: answer[0] });
  });
  const [sleeps, shown, time] = [[] as number[], [] as Asking[], { ms: 1_000 }];
  const sleep = async (ms: number): Promise<void> => {
    sleeps.push(ms);
    time.ms += ms;
  };
  const clock = { now: () => time.ms, monotonicMs: () => time.ms, sleep };
  const show = (asking: Asking): void => void shown.push(asking);
  const became = await sessionByDevice(coordinator, { clock, deviceName: "x", show }).catch((error: unknown) => error);
  return { became, sleeps, shown };
}

const said = (words: string) =>
  expect.objectContaining({ name: CommandFailed.name, message: expect.stringContaining(words) });
const { device_code: _d, ...noDeviceCode } = opened;
const { user_code: _u, ...noUserCode } = opened;
const { verification_uri: _v, ...noPage } = opened;
const { expires_in: _e, ...noEnd } = opened;

/** Goal: nobody is sent to a page that leads to nothing. Method: each answer that opens no wait, and each with a member less. */
it.each<[answer: Answer, words: string]>([
  [[429, opened], "is busy (status 429)"],
  [[500, opened], "is busy (status 500)"],
  [[503, opened], "is busy (status 503)"],
  [[404, {}], "(status 404) was not understood"],
  [[428, {}], "(status 428) was not understood"],
  [[499, {}], "(status 499) was not understood"],
  [[200, noDeviceCode], "(status 200) was not understood"],
  [[200, noUserCode], "(status 200) was not understood"],
  [[200, noPage], "(status 200) was not understood"],
  [[200, noEnd], "(status 200) was not understood"],
])("of %j says that it %s", async (answer, words) => {
  expect(await logIn(answer, good)).toEqual({ became: said(words), sleeps: [], shown: [] });
});

/** Goal: a person sees where to go and until when. Method: a coordinator with a page that has the code in it, and one without. */
it.each([undefined, "https://page.example?user_code=u"])("shows the page, and %s", async (pageWithCode) => {
  const { shown } = await logIn([200, { ...opened, verification_uri_complete: pageWithCode }], good);
  expect(shown).toEqual([{ userCode: "u", page: "https://page.example", pageWithCode, untilMs: 61_000 }]);
});

/** Goal: no coordinator makes anybody wait for longer than half an hour. Method: one that names a longer time. */
it("has an end of its own", async () => {
  const { shown } = await logIn([200, { ...opened, expires_in: 1e9 }], good);
  expect(shown).toMatchObject([{ untilMs: 1_000 + 30 * 60_000 }]);
});

/** Goal: it asks as often as it was told to, and less often when it must. Method: each thing that a coordinator may say meanwhile, and the waits before a session comes. */
it.each<[what: string, sleeps: readonly number[], first: object, then: readonly (Answer | "away")[]]>([
  ["a pace", [2_000], {}, []],
  ["no pace", [5_000], { interval: undefined }, []],
  ["too quick a pace", [1_000], { interval: 0 }, []],
  ["too slow a pace", [60_000], { interval: 61, expires_in: 600 }, []],
  ["to wait", [2_000, 2_000], {}, [pending]],
  ["to slow down", [2_000, 7_000], {}, [[400, { error: "slow_down" }]]],
  ["that there are too many", [2_000, 7_000], {}, [[429, { error: "authorization_pending" }]]],
  ["a fault", [2_000, 7_000], {}, [[500, {}]]],
  ["another fault", [2_000, 7_000], {}, [[503, {}]]],
  ["nothing", [2_000, 7_000], {}, ["away"]],
])("is told %s and waits %j", async (_what, sleeps, first, then) => {
  expect(await logIn([200, { ...opened, ...first }], ...then, good)).toMatchObject({ became: SESSION, sleeps });
});

/** Goal: what ends a wait is told for what it is, and only a session is taken for one. Method: each such answer. */
it.each<[answer: Answer, words: string]>([
  [[400, { error: "access_denied" }], "was not let in"],
  [[400, { error: "expired_token" }], "before the code ended"],
  [[400, { error: "invalid_grant" }], "does not know this code any more"],
  [[400, { error: "unsupported_grant_type" }], "(status 400) was not understood"],
  [[400, { access_token: SESSION }], "(status 400) was not understood"],
  [[428, {}], "(status 428) was not understood"],
  [[499, {}], "(status 499) was not understood"],
  [[200, { access_token: "a\nheader" }], "(status 200) was not understood"],
  [[200, {}], "(status 200) was not understood"],
])("of %j says that it %s", async (answer, words) => {
  expect(await logIn([200, opened], answer, good)).toMatchObject({ became: said(words), sleeps: [2_000] });
});

/** Goal: no code is asked about that has ended. Method: one that ends with the second pause, and one that goes on a moment longer. */
it.each([
  [4, [2_000]],
  [4.001, [2_000, 2_000]],
])("after %d s gives up", async (expires_in, sleeps) => {
  const end = await logIn([200, { ...opened, expires_in }], pending);
  expect(end).toMatchObject({ became: said("before the code ended"), sleeps });
});

/** Goal: a bug of ours is not taken for a network that is away. Method: an answer that throws when it is looked at. */
it("lets a bug through", async () => {
  const bug = new RangeError("a bug");
  const answers = [Response.json(opened)];
  const broken = Object.defineProperty(new Response(), "ok", {
    get: () => {
      throw bug;
    },
  });
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => answers.shift() ?? broken);
  const clock = { now: () => 0, monotonicMs: () => 0, sleep: async () => undefined };
  await expect(sessionByDevice(coordinator, { clock, deviceName: "x", show: () => undefined })).rejects.toBe(bug);
});
