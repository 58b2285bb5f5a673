import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import { receipt as receiptSchema, type Receipt } from "@darkbloom/protocol/receipts";
import type { SealHeader } from "@darkbloom/protocol/sealing";
import type { FromProvider } from "@darkbloom/protocol/wire";
import { nodeCrypto, nodeHpke, systemRandom } from "@darkbloom/protocol/node";
import { Deadlines } from "@darkbloom/protocol/time";
import { expect, it, vi } from "vitest";
import { chatBody, Machine, PROVIDER_ID } from "../../test/machine.ts";
import { ManualClock } from "../../test/manual-clock.ts";
import { SCRIPTED_FAULT, ScriptedEngine } from "../engine/scripted-engine.ts";
import { answer } from "./answer.ts";
import { Credit } from "./outgoing.ts";
import { replay } from "./replay.ts";

const engineThatSays = (...pieces: string[]) =>
  new ScriptedEngine({ clock: new ManualClock(), script: () => ({ pieces }) });
const tools = { crypto: nodeCrypto, hpke: nodeHpke };

async function answered(body: unknown, header: Partial<SealHeader> = {}) {
  const clock = new ManualClock();
  const machine = new Machine(clock);
  await machine.show();
  const { envelope, answer: got } = machine.seal(body, header);
  const never = new AbortController().signal;
  await answer(
    {
      ...tools,
      clock,
      random: systemRandom,
      engine: engineThatSays("Rain", " falls", "."),
      signer: machine.signer,
      providerId: PROVIDER_ID,
      defer: queueMicrotask,
      deadlines: new Deadlines(clock),
      open: ({ envelope: sealed }) => machine.keys.open(sealed, PROVIDER_ID),
      send: (message: FromProvider) => got.take(message),
      sendFrame: (frame) => got.takeFrames(frame),
      failed: (error) => {
        throw error;
      },
    },
    { job_id: "job_1", caller_request_id: "req_1", envelope, credit_bytes: 1 },
    new Credit(clock, 1_000_000),
    never,
    never,
  );
  const { last } = got;
  if (last?.type !== "inference_complete") throw new RangeError(`closed by ${last?.type}`);
  const receipt: Receipt = receiptSchema.parse(JSON.parse(last.receipt));
  const bytes = utf8(JSON.stringify(body));
  expect(toHex(nodeCrypto.sha256(bytes))).toBe(receipt.request_sha256);
  return { receipt, body: bytes, told: utf8(got.body) };
}

/** Goal: a replay says what it saw and no more. Method: one answer, run again as it was and with one thing changed, a row for each. */
it("tells the same answer from another, and runs nothing that cannot be compared", async () => {
  const was = await answered(chatBody());
  const same = engineThatSays("Rain", " falls", ".");
  expect(await replay(tools, same, was)).toEqual({ outcome: "same_bytes" });

  const cached = { ...was.receipt.usage, cached_tokens: was.receipt.usage.cached_tokens + 1 };
  const rows: readonly [Parameters<typeof replay>[2], ScriptedEngine, object][] = [
    [
      was,
      engineThatSays("Rain", " fell", "."),
      { outcome: "other_words", atCharacter: Buffer.from(was.told).toString().indexOf("alls") },
    ],
    [{ ...was, receipt: { ...was.receipt, usage: cached } }, same, { outcome: "same_bytes" }],
    [{ ...was, body: utf8("{}") }, same, { outcome: "not_run", why: "other_request" }],
    [
      { ...was, receipt: { ...was.receipt, weights_sha256: "1".repeat(64) } },
      same,
      { outcome: "not_run", why: "other_weights" },
    ],
    [
      { ...was, receipt: { ...was.receipt, finish_reason: "cancelled" } },
      same,
      { outcome: "not_run", why: "was_cut_off" },
    ],
    [{ ...was, receipt: { ...was.receipt, privacy: "sealed" } }, same, { outcome: "not_run", why: "refused" }],
    [
      {
        ...was,
        told: utf8(`: keep-alive\n\n${Buffer.from(was.told).toString()}`),
        receipt: { ...was.receipt, response_sha256: "0".repeat(64) },
      },
      same,
      { outcome: "same_words" },
    ],
  ];
  for (const [recorded, engine, outcome] of rows) expect(await replay(tools, engine, recorded)).toEqual(outcome);
});

it("draws with the seed that was drawn then, and tells what the engine breaks at", async () => {
  const was = await answered(chatBody());
  const same = engineThatSays("Rain", " falls", ".");
  const run = vi.spyOn(same, "run");
  await replay(tools, same, was);
  expect(run.mock.calls[0]?.[1].seed).toBe(was.receipt.sampling?.seed);
  const broken = new ScriptedEngine({ clock: new ManualClock(), script: () => ({ pieces: ["Rain"], failAfter: 0 }) });
  await expect(replay(tools, broken, was)).rejects.toThrow(SCRIPTED_FAULT);
});

/** Goal: what this machine cannot take is no other answer. Method: a body that its model has too little room for, though its receipt says that one had. */
it("runs nothing that is refused here", async () => {
  const was = await answered(chatBody());
  const body = utf8(JSON.stringify(chatBody({ messages: [{ role: "user", content: "x ".repeat(3_000) }] })));
  const receipt = { ...was.receipt, request_sha256: toHex(nodeCrypto.sha256(body)) };
  const again = await replay(tools, engineThatSays("Rain"), { ...was, body, receipt });
  expect(again).toEqual({ outcome: "not_run", why: "refused" });
});

it("makes vectors again, which nothing is drawn for", async () => {
  const was = await answered({ model: "scripted", input: "rain" }, { endpoint: "/v1/embeddings", stream: false });
  expect(await replay(tools, engineThatSays(), was)).toEqual({ outcome: "same_bytes" });
});

/** Goal: whatever way a request came by can be run again. Method: one that named an alias, and a message over a WebSocket. */
it.each<[what: string, body: object, header: Partial<SealHeader>]>([
  ["asked for by an alias", chatBody({ model: "gpt-5" }), { asked_model: "gpt-5" }],
  [
    "told by lines",
    { type: "response.create", model: "scripted", input: "What is rain?" },
    { endpoint: "/v1/responses" },
  ],
])("makes again what was %s", async (_, body, header) => {
  const was = await answered(body, header);
  expect(await replay(tools, engineThatSays("Rain", " falls", "."), was)).toEqual({ outcome: "same_bytes" });
});
