import type { KeyTerms } from "@darkbloom/coordinator/accounts/port";
import { promptTokensMax } from "@darkbloom/protocol/prompt-bounds";
import type { Script } from "@darkbloom/provider/testing";
import { expect, it } from "vitest";
import { HttpNetwork, questionFor, type Answered } from "./http-network.ts";
import { SealedCaller } from "./sealed-caller.ts";
import { settle } from "./simulated-clock.ts";

const CHAT = "/v1/chat/completions";
const question = questionFor(CHAT, { max_tokens: 100 });
const scripts = {
  answer: { pieces: ["Rain", " is", " water", "."], firstTokenMs: 1_000 },
  fault: { pieces: ["Rain"], failAfter: 0 },
} satisfies Record<string, Script>;

/** A network whose machine does what a test says next. */
async function opened() {
  const network = await HttpNetwork.open();
  await network.credit();
  const machine: { script: Script } = { script: scripts.answer };
  network.provider(() => machine.script, { slots: 64 });
  await network.clock.advance(1_000);
  /** No time to speak of passes but where an answer is awaited. */
  const ask = (more: object = {}) => network.call(CHAT, { ...question, ...more }, {}, 10);
  return { network, machine, ask, [Symbol.asyncDispose]: () => network[Symbol.asyncDispose]() };
}

const waitSecOf = ({ headers }: Answered): number => Number(headers["retry-after"]);
const usageOf = ({ body }: Answered) =>
  (JSON.parse(body.toString()) as { usage: { prompt_tokens: number; completion_tokens: number } }).usage;
const codeOf = ({ body }: Answered) =>
  (JSON.parse(body.toString()) as { error: { code: string; message: string } }).error;

/** Goal: requests of a minute go, the next one is told when it may and then may, and a changed rate acts at once. Method: a burst over HTTP, the wait that was told, a moment less, and a change each way. */
it("lets so many requests of a key through in a minute", async () => {
  await using test = await opened();
  const { network } = test;
  await network.bound({ rpmLimit: 4 });
  const begunMs = network.clock.monotonicMs();
  const sent = Array.from({ length: 6 }, () => network.send(CHAT, { body: JSON.stringify(question) }));
  const answers = await network.during(Promise.all(sent), 10);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(4);
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.map(waitSecOf)).toEqual([15, 15]);
  for (const answer of refused) {
    expect(codeOf(answer)).toMatchObject({ code: "rate_limit_exceeded" });
    expect(codeOf(answer).message).toContain("This API key's requests of a minute");
  }
  await network.clock.advance(begunMs + 14_900 - network.clock.monotonicMs());
  expect((await test.ask()).status).toBe(429);
  await network.clock.advance(200);
  expect((await test.ask()).status).toBe(200);
  expect((await test.ask()).status).toBe(429);
  await network.bound({ rpmLimit: 5 });
  expect((await test.ask()).status).toBe(200);
  await network.bound({ rpmLimit: 1 });
  expect((await test.ask()).status).toBe(429);
  await network.bound({ rpmLimit: null });
  expect((await test.ask()).status).toBe(200);
  expect(await network.ledger.check()).toEqual([]);
});

/** Goal: tokens are taken by the most that a request can use, for as long as it runs, and then by what it did. Method: room for one bound and one answer, asked before the end and behind it. */
it.each<[keyof KeyTerms, (answered: Answered) => number, number]>([
  ["otpmLimit", (answered) => usageOf(answered).completion_tokens, 100],
  ["itpmLimit", (answered) => usageOf(answered).prompt_tokens, promptTokensMax(JSON.stringify(question).length)],
])("counts %s by its bound and then by its use", async (rate, usedOf, most) => {
  await using test = await opened();
  const { network } = test;
  const used = usedOf(await test.ask());
  expect(used).toBeGreaterThan(0);
  expect(used).toBeLessThan(most / 2);
  await network.bound({ [rate]: most + used });
  const first = network.send(CHAT, { body: JSON.stringify(question) });
  while (network.running === 0) await settle();
  const second = await network.during(network.send(CHAT, { body: JSON.stringify(question) }), 1);
  expect(second.status).toBe(429);
  // All that the first one can use but what there is room for has to run off before the second fits.
  expect(waitSecOf(second)).toBe(Math.ceil(((most - used) / (most + used)) * 60));
  expect((await network.during(first, 10)).status).toBe(200);
  expect((await test.ask()).status).toBe(200);
});

/** Goal: what failed has used no tokens, and was a request. Method: a machine that fails, under room for one bound, then a good one; and the request that is missing. */
it("gives back the tokens of a request that failed, and not the request", async () => {
  await using test = await opened();
  const { network, machine, ask } = test;
  await network.bound({ otpmLimit: 100, rpmLimit: 2 });
  machine.script = scripts.fault;
  expect((await ask()).status).toBeGreaterThanOrEqual(500);
  machine.script = scripts.answer;
  expect((await ask()).status).toBe(200);
  await network.bound({ otpmLimit: null });
  expect((await ask()).status).toBe(429);
});

/** Goal: sealing is no way around a rate. Method: a sealed request under a rate for one, then another; then one whose own bound is more than is left. */
it("counts what is sealed", async () => {
  await using test = await opened();
  const { network } = test;
  const caller = new SealedCaller(network);
  const send = async () => await caller.send(await caller.seal(CHAT, { ...question, stream: false }), {}, 10);
  await network.bound({ rpmLimit: 1 });
  expect((await send()).status).toBe(200);
  const refused = await send();
  expect([refused.status, codeOf(refused).code]).toEqual([429, "rate_limit_exceeded"]);
  expect(waitSecOf(refused)).toBeGreaterThan(50);
  await network.bound({ rpmLimit: null, otpmLimit: 100 });
  expect((await send()).status).toBe(200);
  // The answer's few tokens are taken, so that a whole bound does not fit until they have run off.
  expect((await send()).status).toBe(429);
});
