import type { AccountId, MachineId, ModelId } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { CLEARING_DAYS_DEFAULT } from "../ledger/clearing.ts";
import { settlementOf, termsOf } from "../ledger/ledger.samples.ts";

const DAY_MS = 86_400_000;
const [one, two] = ["mach_1", "mach_2"] as MachineId[] as [MachineId, MachineId];
const payer = "acct_payer" as AccountId;

/** A person whose two machines have answered three times: today from money that was paid in, and 8 and 40 days ago from granted money. */
async function open() {
  const edge = await openEdge();
  const { bearer, person } = await signIn(edge.deps, personOf("anna"));
  const { ledger, clock } = edge.deps;
  const answer = async (id: string, daysAgo: number, machineId: MachineId, model: string): Promise<void> => {
    const terms = { ...termsOf(id, 10n, payer), model: model as ModelId };
    await ledger.hold(terms);
    const { job, ...settlement } = settlementOf(10n, { id, earned: 9n }, { at: clock.now() - daysAgo * DAY_MS });
    if (!job) throw new Error("the settlement has a job");
    await ledger.settle(terms.holdId, {
      ...settlement,
      job: { ...job, earner: { account: person.account, machineId } },
    });
  };
  await ledger.credit("credit_1", payer, 20n as never, 1);
  await ledger.book("deposit_1", { kind: "deposit", account: payer, amount: 100n }, 1);
  await answer("1", 40, one, "small");
  await answer("2", 8, one, "large");
  await answer("3", 0, two, "large");
  await edge.deps.owners.link({
    account: person.account,
    machineId: two,
    name: '=cmd|"studio"',
    approvedBy: person.personId,
    tokenHash: "a".repeat(64) as never,
  });
  const ask = (path: string, headers: Record<string, string> = bearer) => fetch(edge.origin + path, { headers });
  const dateOf = (daysAgo: number): string => new Date(clock.now() - daysAgo * DAY_MS).toISOString().slice(0, 10);
  return {
    ...edge,
    answer,
    ask,
    dateOf,
    stop: () => edge[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose](),
  };
}

const counted = (answers: number) => ({ answers, prompt_tokens: 11 * answers, completion_tokens: 7 * answers });
const usd = (micro: number) => ({ earned_micro_usd: String(micro), earned_usd: `0.${String(micro).padStart(6, "0")}` });

describe("what one's machines earned", () => {
  /** Goal: by day, machine and model, within the days asked for, of the own account alone. Method: each grouping, both ends of the days, somebody else. */
  it("is told by day, machine and model", async () => {
    await using made = await open();
    const { ask, dateOf } = made;
    const read = async (query: string) => {
      const response = await ask(`/v1/me/earnings${query}`);
      expect(response.status).toBe(200);
      return (await response.json()) as { data: unknown[] };
    };
    const today = { of: dateOf(0), name: null, ...counted(1), ...usd(9), payable_micro_usd: "9" };
    const before = { of: dateOf(8), name: null, ...counted(1), ...usd(9), payable_micro_usd: "0" };
    expect(await read("")).toEqual({ by: "day", from: dateOf(29), to: dateOf(0), data: [today, before] });
    expect((await read(`?from=${dateOf(8)}&to=${dateOf(1)}`)).data).toEqual([before]);
    expect((await read(`?from=${dateOf(7)}`)).data).toEqual([today]);
    expect((await read(`?by=machine&from=${dateOf(40)}`)).data).toEqual([
      { of: one, name: null, ...counted(2), ...usd(18), payable_micro_usd: "0" },
      { of: two, name: '=cmd|"studio"', ...counted(1), ...usd(9), payable_micro_usd: "9" },
    ]);
    expect((await read(`?by=model&from=${dateOf(40)}`)).data).toMatchObject([
      { of: "large", ...counted(2), ...usd(18), payable_micro_usd: "9" },
      { of: "small", ...counted(1) },
    ]);
    const eve = await signIn(made.deps, personOf("eve"));
    expect(await (await ask("/v1/me/earnings?by=machine", eve.bearer)).json()).toMatchObject({ data: [] });
  });

  /** Goal: a spreadsheet reads it, and nobody's words are in it. Method: the whole text. */
  it("is told as CSV", async () => {
    await using made = await open();
    const response = await made.ask(`/v1/me/earnings?by=machine&format=csv&from=${made.dateOf(40)}`);
    expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    expect(response.headers.get("content-disposition")).toContain("attachment");
    expect(await response.text()).toBe(
      "machine,answers,prompt_tokens,completion_tokens,earned_usd,earned_micro_usd,payable_micro_usd\r\n" +
        "mach_1,2,22,14,0.000018,18,0\r\nmach_2,1,11,7,0.000009,9,9\r\n",
    );
  });

  /** Goal: what makes no sense is refused by name. Method: each by one. */
  it.each([
    "?by=hour",
    "?from=yesterday",
    "?from=2026-02-30",
    "?format=xml",
    "?from=2026-01-02&to=2026-01-01",
    "?by=day&by=model",
  ])("is not told of %s", async (query) => {
    await using made = await open();
    const response = await made.ask(`/v1/me/earnings${query}`);
    expect([response.status, await response.json()]).toMatchObject([400, { error: { param: "from" } }]);
  });

  /** Goal: one page says what one has and what was earned lately. Method: all of it, with earnings on both sides of 7 and 30 days. */
  it("is summed up", async () => {
    await using made = await open();
    expect(await (await made.ask("/v1/me/summary")).json()).toEqual({
      account: personOf("anna").account,
      balance_micro_usd: "27",
      balance_usd: "0.000027",
      held_micro_usd: "0",
      granted_micro_usd: "0",
      paid_in_micro_usd: "0",
      earned_micro_usd: "27",
      payable_micro_usd: "9",
      withdrawable_micro_usd: "0",
      withdrawing_micro_usd: "0",
      debt_micro_usd: "0",
      earned_today_micro_usd: "9",
      earned_7_days_micro_usd: "9",
      earned_30_days_micro_usd: "18",
      machines: 0,
      machines_connected: 0,
    });
  });

  /** Goal: what may be withdrawn is told wherever money is told. Method: paid for on both sides of the last day that has cleared. */
  it("may be withdrawn once it has cleared", async () => {
    await using made = await open();
    for (const days of [CLEARING_DAYS_DEFAULT, CLEARING_DAYS_DEFAULT + 1])
      await made.answer(`more_${days}`, days, one, "large");
    expect(await (await made.ask("/v1/me/summary")).json()).toMatchObject({
      payable_micro_usd: "27",
      withdrawable_micro_usd: "9",
    });
    expect(await (await made.ask("/v1/payments/balance")).json()).toMatchObject({
      withdrawable_micro_usd: 9,
      withdrawable_usd: "0.000009",
    });
  });
});
