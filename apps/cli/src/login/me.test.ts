import { afterEach, expect, it, vi } from "vitest";
import { CommandFailed } from "../failure.ts";
import { endSession, whoIs } from "./me.ts";

afterEach(() => vi.restoreAllMocks());

const coordinator = new URL("https://coordinator.example");
const outcomeOf = <Done>(asked: Promise<Done>): Promise<Done | string> =>
  asked.catch((error: unknown) => (error instanceof CommandFailed ? error.message : "a bug"));
const answering = (status: number, body: object) =>
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json(body, { status }));
const notUnderstood = expect.stringContaining("was not understood");

const me = { name: "anna", role: "member", account: "acct_1", session: { expires_at: "2030-01-01T00:00:00Z" } };
const anna = { name: "anna", role: "member", account: "acct_1", expiresAt: "2030-01-01T00:00:00Z" };

/** Goal: a session is somebody's only where the coordinator says whose in full. Method: each status, and each member left away. */
it.each<[status: number, body: object, outcome: unknown]>([
  [200, me, anna],
  [401, me, undefined],
  [404, me, notUnderstood],
  [500, me, notUnderstood],
  [200, { ...me, name: undefined }, notUnderstood],
  [200, { ...me, role: undefined }, notUnderstood],
  [200, { ...me, account: undefined }, notUnderstood],
  [200, { ...me, session: {} }, notUnderstood],
])("%d with %j is %j", async (status, body, outcome) => {
  answering(status, body);
  expect(await outcomeOf(whoIs(coordinator, "s"))).toEqual(outcome);
});

/** Goal: a session counts as ended only where the coordinator says so. Method: each status. */
it.each<[status: number, outcome: unknown]>([
  [200, true],
  [401, false],
  [404, false],
  [403, notUnderstood],
  [500, notUnderstood],
])("a session's end with %d is %j", async (status, outcome) => {
  answering(status, {});
  expect(await outcomeOf(endSession(coordinator, "s"))).toEqual(outcome);
});
