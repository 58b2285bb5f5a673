import { microUsd, parseUsd } from "@darkbloom/protocol/money";
import type { Script } from "@darkbloom/provider/testing";
import { expect, it } from "vitest";
import { HttpNetwork, questionFor } from "./http-network.ts";
import { settle } from "./simulated-clock.ts";

const slow: Script = { pieces: ["Rain", " is", " water", "."], firstTokenMs: 5_000, tokenMs: 20 };
const CHAT = "/v1/chat/completions";
const body = JSON.stringify(questionFor(CHAT, { max_tokens: 100 }));

interface Shown {
  readonly usage_usd: string;
  readonly remaining_usd: string;
  readonly usage_tokens: number;
  readonly remaining_tokens: number;
  readonly resets_at: string;
}

async function opened() {
  const network = await HttpNetwork.open();
  await network.credit();
  network.provider(() => slow, { slots: 64 });
  await network.clock.advance(1_000);
  const shown = async (): Promise<Shown> =>
    JSON.parse((await network.send("/v1/key", { method: "GET" })).body.toString()) as Shown;
  const remaining = async (): Promise<bigint> => parseUsd((await shown()).remaining_usd) ?? -1n;
  /** The most that one request can cost: what is missing while it runs. */
  const costOfOne = async (): Promise<bigint> => {
    await network.bound({ limitMicroUsd: microUsd(1_000_000n), limitReset: "daily" });
    const sent = network.send(CHAT, { body });
    while ((await remaining()) === 1_000_000n) await settle();
    const most = 1_000_000n - (await remaining());
    expect((await network.during(sent, 100)).status).toBe(200);
    return most;
  };
  return { network, shown, remaining, costOfOne, [Symbol.asyncDispose]: () => network[Symbol.asyncDispose]() };
}

/**
 * Goal: requests in parallel never spend more than their key's limit, and none is refused whose most fits what `GET /v1/key`
 * shows. Method: 64 real ones at once under a limit for ten and a half; then one by one for as long as the key shows room.
 */
it("lets 64 requests at once spend no more than their key may", { timeout: 60_000 }, async () => {
  await using test = await opened();
  const { network, shown, remaining } = test;
  const most = await test.costOfOne();
  const before = parseUsd((await shown()).usage_usd) ?? 0n;
  const limit = before + 10n * most + most / 2n;
  await network.bound({ limitMicroUsd: microUsd(limit) });
  const refusals: string[] = [];
  const sent = Array.from({ length: 64 }, async () => {
    const { status, body: said } = await network.send(CHAT, { body });
    if (status === 402) refusals.push(said.toString());
    return { status, said: said.toString() };
  });
  while (refusals.length < 54) await settle();
  // No time passes until now: ten are held, and half of one is left.
  expect(await remaining()).toBe(most / 2n);
  const answers = await network.during(Promise.all(sent), 100);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
  for (const { status, said } of answers)
    if (status !== 200) expect(JSON.parse(said)).toMatchObject({ error: { code: "key_limit_reached" } });

  for (;;) {
    const left = await remaining();
    const { status } = await network.call(CHAT, JSON.parse(body), {}, 100);
    expect(status).toBe(left >= most ? 200 : 402);
    expect(parseUsd((await shown()).usage_usd)).toBeLessThanOrEqual(limit);
    if (status === 402) break;
  }
  expect(await network.ledger.check()).toEqual([]);
});

/** Goal: a limit acts on the next request, counts tokens where it says so, and begins anew with its window. Method: one key whose limit is set, raised, changed to tokens, and whose day ends. */
it("limits a key from its next request on, until its window ends", { timeout: 60_000 }, async () => {
  await using test = await opened();
  const { network, shown } = test;
  const ask = async () => (await network.call(CHAT, JSON.parse(body), {}, 100)).status;
  expect(await ask()).toBe(200);
  const { usage_usd: used, usage_tokens: tokens } = await shown();
  expect(tokens).toBeGreaterThan(0);
  await network.bound({ limitMicroUsd: microUsd(parseUsd(used) ?? 0n), limitReset: "daily" });
  expect(await shown()).toMatchObject({ usage_usd: used, remaining_usd: "0.000000" });
  expect(await ask()).toBe(402);
  await network.bound({ limitMicroUsd: null, limitTokens: tokens });
  expect(await shown()).toMatchObject({ usage_tokens: tokens, remaining_tokens: 0, remaining_usd: null });
  expect(await ask()).toBe(402);
  await network.bound({ limitTokens: 1_000_000 });
  expect(await ask()).toBe(200);
  await network.bound({ limitTokens: tokens * 3 });
  const { resets_at } = await shown();
  await network.clock.advance(Date.parse(resets_at) - network.clock.now());
  expect(await shown()).toMatchObject({ usage_usd: "0.000000", usage_tokens: 0, remaining_tokens: tokens * 3 });
});
