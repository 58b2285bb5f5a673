import { fromBase64, toBase64 } from "@darkbloom/protocol/bytes";
import type { Attestation, Attestations } from "@darkbloom/protocol/evidence";
import { decodeReceipt, encodeReceipt } from "@darkbloom/protocol/receipts";
import { memorySigner } from "@darkbloom/testkit";
import { describe, expect, it } from "vitest";
import type { AnyPolicy } from "../src/policy.ts";
import { stepsThat, World, type Meddle } from "./world.ts";

/** A coordinator that lies. What it shows, it shows to this client alone. */
const showing =
  (change: (machines: Attestation[]) => unknown): Meddle =>
  async (path, answer) => {
    const response = await answer();
    if (!path.endsWith("/attestation")) return response;
    const { providers } = (await response.json()) as Attestations;
    return Response.json({ providers: change(providers) ?? providers });
  };

const changedBlob = (change: (blob: Record<string, unknown>) => void) => (machines: Attestation[]) => {
  for (const { evidence } of machines) {
    const blob = JSON.parse(new TextDecoder().decode(fromBase64(evidence.blob))) as Record<string, unknown>;
    change(blob);
    Object.assign(evidence, { blob: toBase64(new TextEncoder().encode(JSON.stringify(blob))) });
  }
};

const otherKey = toBase64(memorySigner().publicKey);

/** Goal: nothing is sent to whom the evidence does not show. Method: one lie each, and how often the prompt left. */
describe("nothing is sent", () => {
  it.each<[what: string, change: (machines: Attestation[]) => unknown, code: string]>([
    [
      "evidence that lies about the machine's level",
      (all) => all.forEach((one) => Object.assign(one, { trust_level: "none" })),
      "verified",
    ],
    [
      "evidence that lies about the machine's name",
      (all) => all.forEach((one) => Object.assign(one, { provider_serial: "SW-OTHER" })),
      "evidence_false",
    ],
    [
      "evidence that lies about the machine's builds",
      (all) => all.forEach((one) => Object.assign(one, { models: ["better"] })),
      "evidence_false",
    ],
    [
      "evidence under another key",
      (all) => all.forEach((one) => Object.assign(one, { se_public_key: otherKey })),
      "evidence_false",
    ],
    [
      "evidence under another digest",
      (all) => all.forEach((one) => Object.assign(one, { evidence_sha256: "0".repeat(64) })),
      "evidence_false",
    ],
    [
      "a swapped sealing key",
      changedBlob((blob) => {
        blob["hpke_keys"] = [
          { ...(blob["hpke_keys"] as object[])[0], public_key: toBase64(new Uint8Array(32).fill(9)) },
        ];
      }),
      "evidence_false",
    ],
    ["a blob that its key never signed", changedBlob((blob) => void (blob["os_version"] = "2")), "evidence_false"],
    [
      "evidence without a challenge",
      (all) => all.forEach(({ evidence }) => delete evidence.challenge),
      "evidence_false",
    ],
    ["no machine at all", () => [], "no_machine"],
  ])("for %s", async (_, change, code) => {
    await using world = await World.open();
    world.meddle = showing(change);
    const { verification, response } = await world.ask(world.client());
    if (code === "verified") {
      // It says less of a machine than that shows: no harm.
      expect([verification.outcome, world.asked]).toEqual(["verified", 1]);
      return;
    }
    expect([verification.outcome, verification.error?.code, world.asked]).toEqual(["refused", code, 0]);
    expect(response.headers.get("x-darkbloom-error")).toBe(code);
    expect(world.verifications).toEqual([verification]);
  });

  it("for stale evidence", async () => {
    await using world = await World.open();
    let kept: string | undefined;
    world.meddle = async (path, answer) => {
      if (!path.endsWith("/attestation")) return answer();
      kept ??= await (await answer()).text();
      return new Response(kept);
    };
    const client = world.client();
    expect((await world.ask(client)).verification.outcome).toBe("verified");
    await world.net.clock.advance(15 * 60_000);
    expect((await world.ask(client)).verification.outcome).toBe("verified");
    await world.net.clock.advance(2 * 60_000);
    for (const asking of [client, world.client()])
      expect((await world.ask(asking)).verification.error).toMatchObject({ code: "evidence_stale", action: "retry" });
    expect(world.asked).toBe(2);
  });

  it.each<[what: string, policy: Partial<AnyPolicy>, code: string]>([
    ["a machine of lower trust than the policy's", { minTrust: "hardware" }, "policy_unmet"],
    ["a machine that is not pinned", { pins: ["SW-OTHER"] }, "policy_unmet"],
    ["a machine with other builds", { builds: [{ build: "better" }] }, "policy_unmet"],
    [
      "a machine with other weights",
      { builds: [{ build: "scripted", weightsSha256: "1".repeat(64) }] },
      "policy_unmet",
    ],
    ["a coordinator without the log that is asked for", { log: {} }, "log_missing"],
  ])("to %s", async (_, policy, code) => {
    await using world = await World.open();
    const { verification } = await world.ask(world.client(policy));
    expect([verification.error?.code, world.asked]).toEqual([code, 0]);
  });

  it("where the evidence cannot be had", async () => {
    await using world = await World.open();
    world.meddle = async (path, answer) =>
      path.endsWith("/attestation") ? new Response("", { status: 502 }) : answer();
    const { verification, response } = await world.ask(world.client());
    expect([verification.error?.action, response.headers.get("x-should-retry"), world.asked]).toEqual([
      "retry",
      "true",
      0,
    ]);
  });
});

const isAnswer = (path: string): boolean => path === "/v1/chat/completions";
const reword = (response: Response, change: (word: string) => string): Response => {
  const headers = new Headers(response.headers);
  headers.set("x-darkbloom-receipt", change(headers.get("x-darkbloom-receipt") ?? ""));
  return new Response(response.body, { status: response.status, headers });
};

/** Goal: nothing that does not hold is given out as good. Method: one lie each, plain and streamed. */
describe("nothing is returned as good", () => {
  it("of a receipt of another request, or of a replayed answer", async () => {
    await using world = await World.open();
    const client = world.client();
    for (const stream of [false, true]) {
      let first: Response | undefined;
      let replays: "receipt" | "answer" = "answer";
      world.meddle = async (path, answer) => {
        if (!isAnswer(path)) return answer();
        if (!first) {
          const response = await answer();
          first = response.clone();
          return response;
        }
        if (replays === "answer") return first.clone();
        const word = first.headers.get("x-darkbloom-receipt") ?? "";
        return reword(await answer(), () => word);
      };
      expect((await world.ask(client, { said: { stream } })).verification.outcome).toBe("verified");
      const again = await world.ask(client, { said: { stream } });
      expect(again.verification).toMatchObject({
        outcome: "refused",
        error: { code: "receipt_false", action: "stop" },
      });
      expect(stepsThat("fail", again.verification)).toEqual(["receipt.nonce"]);
      if (stream) {
        expect(again.broke).toMatchObject({ name: "DarkbloomError", code: "receipt_false" });
        expect(again.text).not.toContain("[DONE]");
        continue;
      }
      expect(again.text).not.toContain("Rain");
      replays = "receipt";
      const other = await world.ask(client, { said: { seed: 9 } });
      expect(other.verification).toMatchObject({ outcome: "refused", error: { code: "answer_false" } });
      expect(stepsThat("fail", other.verification)).toEqual(
        expect.arrayContaining(["receipt.request", "receipt.nonce", "receipt.job"]),
      );
      expect(other.text).not.toContain("Rain");
    }
  });

  /** Goal: wherever a stream is cut, its program sees no proper end. Method: cut it behind each of its events, and inside the last. */
  it("of a truncated stream", async () => {
    await using world = await World.open();
    const client = world.client();
    const whole = (await world.ask(client, { said: { stream: true } })).text;
    const events = whole.split(/(?<=\n\n)/);
    expect(events.length).toBeGreaterThan(4);
    const cuts = [...events.keys()].map((at) => events.slice(0, at).join("").length);
    for (const cut of [...cuts, whole.length - 3]) {
      world.meddle = async (path, answer) => {
        const response = await answer();
        if (!isAnswer(path)) return response;
        const text = await response.text();
        return new Response(text.slice(0, cut + text.length - whole.length), { headers: response.headers });
      };
      const { verification, broke, text } = await world.ask(client, { said: { stream: true } });
      expect([cut, verification.outcome, (broke as Error | undefined)?.name]).toEqual([
        cut,
        "refused",
        "DarkbloomError",
      ]);
      expect(text).not.toContain("[DONE]");
    }
  });

  /** Goal: only an error at which every client throws may end a stream unchecked. Method: in place of the end, what looks like one, and is an answer's end to some client. */
  it.each<[path: string, forged: string]>([
    ["/v1/chat/completions", 'data: {"error":null,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'],
    ["/v1/chat/completions", 'data: {"error":"","choices":[]}\n\n'],
    ["/v1/chat/completions", 'event: response.failed\ndata: {"choices":[]}\n\n'],
    ["/v1/chat/completions", 'event: error\nevent: chunk\ndata: {"choices":[]}\n\n'],
    ["/v1/chat/completions", 'data: {"error":{"message":"x"},"error":null}\n\n'],
    ["/v1/messages", 'data: {"error":{"message":"x"}}\n\n'],
    ["/v1/messages", 'event: response.failed\ndata: {"type":"message_stop"}\n\n'],
    ["/v1/messages", 'event: error\nevent: message_stop\ndata: {"type":"error"}\n\n'],
    ["/v1/responses", 'event: response.failed\ndata: {"type":"response.completed"}\n\n'],
    ["/v1/responses", 'event: error\ndata: {"type":"response.completed"}\n\n'],
    ["/v1/responses", 'data: {"error":{"message":"x"}}\n\n'],
  ])("of a stream of %s that ends in %j", async (path, forged) => {
    await using world = await World.open();
    world.meddle = async (asked, answer) => {
      const response = await answer();
      if (asked !== path) return response;
      const events = (await response.text()).split(/(?<=\n\n)/).slice(0, 3);
      return new Response(events.join("") + forged, { headers: response.headers });
    };
    const more = path === "/v1/responses" ? { input: "What is rain?", messages: undefined } : { max_tokens: 9 };
    const { verification, broke } = await world.ask(world.client(), { path, said: { stream: true, ...more } });
    expect([verification.outcome, (broke as Error | undefined)?.name]).toEqual(["refused", "DarkbloomError"]);
  });

  it.each<[what: string, change: (text: string) => string]>([
    ["a word of the answer", (text) => text.replace(" water", " brandy")],
    [
      "an event less",
      (text) =>
        text
          .split(/(?<=\n\n)/)
          .toSpliced(2, 1)
          .join(""),
    ],
    ["an event twice", (text) => text.replace(/data: .*?\n\n/, "$&$&")],
    ["its end twice", (text) => text.replace("data: [DONE]\n\n", "$&$&")],
    ["no receipt", (text) => text.replace(/: darkbloom-receipt .*\n\n/, "")],
    ["half a receipt", (text) => text.replace(/(: darkbloom-receipt .{200}).*\n\n/, "$1\n\n")],
    ["something behind the receipt", (text) => `${text}: more\n\n`],
  ])("of a stream with %s changed", async (_, change) => {
    await using world = await World.open();
    world.meddle = async (path, answer) => {
      const response = await answer();
      return isAnswer(path) ? new Response(change(await response.text()), { headers: response.headers }) : response;
    };
    const { verification, broke, text } = await world.ask(world.client(), { said: { stream: true } });
    expect([verification.outcome, (broke as Error | undefined)?.name]).toEqual(["refused", "DarkbloomError"]);
    expect(text).not.toContain("[DONE]");
  });

  it.each<[what: string, change: (text: string) => string]>([
    ["provider signature", (text) => text.replace(/"provider_signature":"ME/, '"provider_signature":"MF')],
    ["countersignature", (text) => text.replace(/"coordinator_signature":"../, '"coordinator_signature":"AA')],
    ["key of the coordinator", (text) => text.replace(/"coordinator_key_id":"/, '"coordinator_key_id":"x')],
    ["usage", (text) => text.replace(/"completion_tokens":\d+/, '"completion_tokens":1')],
    ["machine", (text) => text.replace(/(?<="evidence_sha256":")./, (digit) => (digit === "0" ? "1" : "0"))],
  ])("of a receipt with another %s", async (_, change) => {
    await using world = await World.open();
    world.meddle = async (path, answer) => {
      const response = await answer();
      if (!isAnswer(path)) return response;
      return reword(response, (word) => {
        const text = JSON.stringify(decodeReceipt(word));
        const changed = decodeReceipt(Buffer.from(change(text)).toString("base64url"));
        if (!changed || JSON.stringify(changed) === text) throw new Error("nothing was changed");
        return encodeReceipt(changed);
      });
    };
    const { verification, response, text } = await world.ask(world.client());
    expect([response.status, verification.outcome]).toEqual([502, "refused"]);
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(text).not.toContain("Rain");
  });

  it("by a machine that the policy does not pin, though it was asked for another", async () => {
    await using world = await World.open();
    const other = world.net.provider(() => ({ pieces: ["no"] }));
    await world.net.clock.advance(1_000);
    const [first] = world.net.fleet.machines().filter(({ serial }) => serial !== other.serial);
    world.meddle = (path, answer, init) => {
      if (isAnswer(path) && init.body instanceof Uint8Array) {
        const body = new TextDecoder().decode(init.body).replace(first?.serial ?? "?", other.serial);
        init.body = new TextEncoder().encode(body);
      }
      return answer();
    };
    const { verification, text } = await world.ask(world.client({ pins: [first?.serial ?? ""] }));
    expect(stepsThat("fail", verification)).toEqual(expect.arrayContaining(["machine.accepted", "receipt.request"]));
    expect([verification.outcome, text.includes('no"')]).toEqual(["refused", false]);
  });

  it("under a coordinator's key that is not pinned", async () => {
    await using world = await World.open();
    expect(
      (await world.ask(world.client({ coordinatorKeys: [toBase64(new Uint8Array(32).fill(7))] }))).verification,
    ).toMatchObject({
      outcome: "refused",
      error: { code: "receipt_false" },
    });
  });

  it("without a receipt, unless the policy does without", async () => {
    await using world = await World.open();
    world.meddle = async (_path, answer) => {
      const response = await answer();
      const headers = new Headers(response.headers);
      headers.delete("x-darkbloom-receipt");
      return new Response(response.body, { status: response.status, headers });
    };
    expect((await world.ask(world.client())).verification.error?.code).toBe("receipt_missing");
    const without = await world.ask(world.client({ receipts: "optional" }));
    expect([without.verification.outcome, stepsThat("unknown", without.verification)]).toEqual([
      "verified",
      ["receipt.present"],
    ]);
  });
});
