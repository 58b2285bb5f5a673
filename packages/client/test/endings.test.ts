import { encodeReceipt, receiptDocument } from "@darkbloom/protocol/receipts";
import { concatBytes } from "@darkbloom/protocol/bytes";
import { errorRecord } from "@darkbloom/protocol/sealing";
import { describe, expect, it } from "vitest";
import { stepsThat, World, type Meddle } from "./world.ts";

const isAnswer = (path: string): boolean => path === "/v1/chat/completions" || path === "/v1/messages";

/** What comes in place of an answer; everything else is let through. */
const answering =
  (change: (response: Response) => Response | Promise<Response>): Meddle =>
  async (path, answer) =>
    isAnswer(path) ? change(await answer()) : answer();

const withHeaders = (response: Response, changed: Record<string, string | undefined>): Response => {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(changed))
    if (value === undefined) headers.delete(name);
    else headers.set(name, value);
  return new Response(response.body, { status: response.status, headers });
};

/** Its bytes up to some place, and then an end, or an error. */
function breaking(response: Response, bytes: Uint8Array, error: () => unknown): Response {
  let told = false;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (told) return controller.error(await error());
        told = true;
        controller.enqueue(bytes);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: response.headers });
}

const chatError = 'data: {"error":{"message":"the machine is gone"}}\n\n';
/** The first events of a stream that came. */
const begun = async (response: Response): Promise<string> =>
  (await response.text())
    .split(/(?<=\n\n)/)
    .slice(0, 3)
    .join("");

describe.each([[false], [true]])("an error in the clear, stream %s", (stream) => {
  it("goes through as it came", async () => {
    await using world = await World.open();
    const { response, text, verification, broke } = await world.ask(world.client(), {
      said: { stream, temperature: 3 },
    });
    expect([response.status, broke]).toEqual([400, undefined]);
    expect(JSON.parse(text)).toMatchObject({ error: { param: "temperature" } });
    expect(verification).toMatchObject({
      outcome: "failed",
      steps: [{ id: "answer.error", seen: "status 400", source: "coordinator" }],
    });
    expect(verification).not.toHaveProperty("error");
  });
});

it("lets a stream end in its dialect's error, and says that it failed", async () => {
  await using world = await World.open();
  world.meddle = answering(
    async (response) => new Response((await begun(response)) + chatError, { headers: response.headers }),
  );
  const { text, verification, broke } = await world.ask(world.client(), { said: { stream: true } });
  expect([verification.outcome, broke, text.endsWith(chatError)]).toEqual(["failed", undefined, true]);
});

/** Goal: what a coordinator tells of an answer beside its receipt is held against the bytes too. Method: one header each; and none, which the receipt makes up for. */
it.each<[what: string, header: string, value: string | undefined, failing: string[]]>([
  ["another hash", "x-response-hash", "0".repeat(64), ["response.hash"]],
  ["no hash", "x-response-hash", undefined, []],
  ["another signature", "x-se-signature", "QUJD", ["response.signature"]],
  ["an empty signature", "x-se-signature", "", ["response.signature"]],
  ["no signature", "x-se-signature", undefined, []],
  ["a receipt that is none", "x-darkbloom-receipt", "AAAA", ["receipt.present"]],
])("checks a plain answer that comes with %s", async (_, header, value, failing) => {
  await using world = await World.open();
  world.meddle = answering((response) => withHeaders(response, { [header]: value }));
  const { verification, text } = await world.ask(world.client());
  expect(stepsThat("fail", verification)).toEqual(failing);
  expect(world.verifications).toEqual([verification]);
  expect([verification.outcome, text.includes("Rain")]).toEqual(
    failing.length > 0 ? ["refused", false] : ["verified", true],
  );
});

/** Goal: whoever reads gets bytes or the end. Method: a stream that comes byte by byte. */
it("gives out no empty piece of a stream", async () => {
  await using world = await World.open();
  world.meddle = answering(async (response) => {
    const bytes = await response.bytes();
    return new Response(ReadableStream.from([...bytes].map((byte) => Uint8Array.of(byte))), response);
  });
  const pieces = await world.net.during(
    (async () => {
      const response = await world.client().fetch(`${world.baseURL}/v1/chat/completions`, {
        method: "POST",
        body: JSON.stringify({ model: "scripted", stream: true, messages: [{ role: "user", content: "Hi" }] }),
      });
      return Array.fromAsync(response.body ?? []);
    })(),
  );
  expect(pieces.length).toBeGreaterThan(3);
  expect(pieces.filter(({ length }) => length === 0)).toEqual([]);
});

/** Goal: a program that hands bytes on gets its dialect's error, and what itself broke off is thrown to it whatever it asked for. Method: a connection that breaks; a program that leaves. */
describe.each(["throw", "event"] as const)("a stream that breaks, with brokenStreams %s", (brokenStreams) => {
  it("is refused", async () => {
    await using world = await World.open();
    world.meddle = answering(async (response) =>
      breaking(response, new TextEncoder().encode(await begun(response)), () => new TypeError("reset")),
    );
    const { verification, broke, text } = await world.ask(world.client({}, { brokenStreams }), {
      said: { stream: true },
    });
    expect(verification).toMatchObject({ outcome: "refused", error: { code: "answer_cut_off" } });
    if (brokenStreams === "throw") expect(broke).toMatchObject({ code: "answer_cut_off" });
    else {
      expect(broke).toBeUndefined();
      expect(JSON.parse(text.trim().split("data: ").at(-1) ?? "")).toMatchObject({ error: { code: "answer_cut_off" } });
    }
  });

  it("is left where its own program broke it off", async () => {
    await using world = await World.open();
    const left = new AbortController();
    world.meddle = answering(async (response) =>
      breaking(response, new TextEncoder().encode(await begun(response)), () => {
        left.abort(new Error("enough"));
        return left.signal.reason as Error;
      }),
    );
    const client = world.client({}, { brokenStreams });
    const { response, broke } = await world.net.during(
      (async () => {
        const answer = await client.fetch(`${world.baseURL}/v1/chat/completions`, {
          method: "POST",
          signal: left.signal,
          body: JSON.stringify({ model: "scripted", stream: true, messages: [{ role: "user", content: "Hi" }] }),
        });
        return { response: answer, broke: await answer.text().catch((error: unknown) => error) };
      })(),
    );
    expect(broke).toMatchObject({ message: "enough" });
    expect((await client.verificationOf(response)).outcome).toBe("left");
  });
});

describe.each([[false], [true]])("a sealed answer, stream %s", (stream) => {
  it("is not one in the clear, and is refused as such", async () => {
    await using world = await World.open();
    world.meddle = answering((response) => withHeaders(response, { "content-type": "application/json" }));
    const { verification } = await world.ask(world.client({ mode: "sealed" }), { said: { stream } });
    expect(verification.error).toMatchObject({ code: "answer_false" });
    expect(verification.error?.message).toContain("in the clear");
  });

  /** Goal: the machine that is named is the one that answers. Method: two may, and the other one is named. */
  it("is refused under the name of another machine that could open the request", async () => {
    await using world = await World.open();
    world.net.provider(() => ({ pieces: ["Rain"] }));
    await world.net.clock.advance(2_000);
    const ids = world.net.fleet.machines().map(({ providerId }) => providerId);
    for (const by of [0, 1]) {
      let named = "";
      world.meddle = answering((response) => {
        named = ids.find((id) => (response.headers.get("x-provider-id") === id) === (by === 1)) ?? "";
        return withHeaders(response, { "x-provider-id": named });
      });
      const { verification, text } = await world.ask(world.client({ mode: "sealed" }), { said: { stream } });
      expect(ids).toContain(named);
      if (by === 1) expect(verification.outcome).toBe("verified");
      else expect(verification).toMatchObject({ outcome: "refused", error: { code: "answer_false" } });
      expect(text.includes("Rain")).toBe(by === 1);
    }
  });

  it.each([["x-provider-id"], ["x-unknown"]])("is a machine's refusal without the header %s", async (header) => {
    await using world = await World.open();
    world.net.provider(() => ({ pieces: ["Rain"] }));
    await world.net.clock.advance(2_000);
    world.meddle = answering((response) => withHeaders(response, { [header]: undefined }));
    const { response, text, verification } = await world.ask(world.client({ mode: "sealed" }), {
      said: { stream, temperature: 3 },
    });
    expect([response.status, response.headers.get("content-type")]).toEqual([400, "application/json; charset=utf-8"]);
    expect(JSON.parse(text)).toMatchObject({ error: { param: "temperature" } });
    expect(verification).toMatchObject({ outcome: "failed", steps: [{ source: "provider" }] });
  });

  it("is no refusal where its status says that it is an answer", async () => {
    await using world = await World.open();
    const [machine] = world.net.fleet.machines();
    world.meddle = answering((response) => {
      const named = withHeaders(response, { "x-provider-id": machine?.providerId });
      return new Response(named.body, { status: 200, headers: named.headers });
    });
    const { verification, broke, response } = await world.ask(world.client({ mode: "sealed" }), {
      said: { stream, temperature: 3 },
    });
    if (stream) {
      expect(verification).toMatchObject({ outcome: "refused", error: { code: "answer_false" } });
      expect(broke).toMatchObject({ code: "answer_false" });
    } else expect([verification.outcome, response.status]).toEqual(["failed", 400]);
  });

  it("ends in the coordinator's error, in the dialect's own form", async () => {
    await using world = await World.open();
    const error = { status: 502, code: "provider_gone", message: "It is gone." };
    world.meddle = answering(async (response) => {
      const bytes = await response.bytes();
      const [length] = [new DataView(bytes.buffer, bytes.byteOffset + 1).getUint32(0)];
      return new Response(concatBytes(bytes.subarray(0, 5 + length), errorRecord(error)), response);
    });
    const { verification, broke, response, text } = await world.ask(world.client({ mode: "sealed" }), {
      said: { stream },
    });
    expect([verification.outcome, stepsThat("unknown", verification), broke]).toEqual([
      "failed",
      ["answer.error"],
      undefined,
    ]);
    expect(response.status).toBe(stream ? 200 : 502);
    const told = JSON.parse(stream ? (text.trim().split("data: ").at(-1) ?? "") : text) as unknown;
    expect(told).toEqual({
      error: { code: "provider_gone", message: "It is gone.", type: "server_error", param: null },
    });
  });

  it("brings its receipt to its program", async () => {
    await using world = await World.open();
    const { verification, response, text } = await world.ask(world.client({ mode: "sealed" }), { said: { stream } });
    const word = encodeReceipt(receiptDocument.parse(verification.receipt));
    if (stream) expect(text.endsWith(`\n\n: darkbloom-receipt ${word}\n\n`)).toBe(true);
    else expect(response.headers.get("x-darkbloom-receipt")).toBe(word);
  });
});
