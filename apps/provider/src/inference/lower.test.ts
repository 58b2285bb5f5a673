import { utf8 } from "@darkbloom/protocol/bytes";
import type { SealHeader } from "@darkbloom/protocol/sealing";
import { describe, expect, it } from "vitest";
import { lower } from "./lower.ts";

const header: SealHeader = {
  v: 1,
  suite: "x-wing/hkdf-sha256/aes-256-gcm",
  mode: "sealed",
  id: "AAAAAAAAAAAAAAAAAAAAAA==",
  expires_at: "2026-01-01T00:00:00Z",
  endpoint: "/v1/chat/completions",
  model: "m",
  build: "m-q8",
  stream: false,
  max_tokens: 10,
  features: [],
  min_trust: "none",
  pins: ["S1"],
  candidates: [{ provider_id: "p", key_id: "k", evidence_sha256: "e" }],
};
const chat = { model: "m", messages: [{ role: "user", content: "x" }] };
const tools = [{ type: "function", function: { name: "f" } }];
const many = { model: "m", input: Array.from({ length: 2048 }, () => "x"), encoding_format: "float" };
const lowered = (body: unknown, more: Partial<SealHeader> = {}, vectorLength = 8) =>
  lower({ ...header, ...more }, typeof body === "string" ? utf8(body) : utf8(JSON.stringify(body)), vectorLength);

/** Goal: what nobody between can read is held against what was said in the clear, by the machine. Method: each way in which the two differ. */
describe("a sealed body", () => {
  it.each<[what: string, body: unknown, header: Partial<SealHeader>, param: string | null]>([
    ["another model", { ...chat, model: "other" }, {}, "model"],
    ["another stream flag", { ...chat, stream: true }, {}, "stream"],
    ["tools that were not told of", { ...chat, tools }, {}, "tools"],
    ["another pin", { ...chat, provider_serial: "S2" }, {}, "provider_serial"],
    ["more choices than tokens", { ...chat, n: 4 }, { max_tokens: 3 }, "n"],
    [
      "a message of a WebSocket",
      { model: "m", input: "x", type: "response.create" },
      { endpoint: "/v1/responses" },
      "type",
    ],
    ["vectors that no answer holds", many, { endpoint: "/v1/embeddings" }, "input"],
    ["a bad field", { ...chat, temperature: 9 }, {}, "temperature"],
    ["no JSON", "{", {}, null],
  ])("with %s is refused by the field", (_, body, more, param) => {
    const vectorLength = 100_000;
    const stream = body === many ? {} : { stream: (body as { type?: string }).type !== undefined };
    expect(lowered(body, { ...stream, ...more }, vectorLength)).toMatchObject({
      refused: { code: "body_invalid", param },
    });
  });

  it.each<[what: string, body: unknown, header: Partial<SealHeader>]>([
    ["as it is", chat, {}],
    ["with tools that were told of", { ...chat, tools }, { features: ["tools"] }],
    ["with a pin that was told of", { ...chat, provider_serial: "S1" }, {}],
    ["with as many choices as tokens", { ...chat, n: 4 }, { max_tokens: 4 }],
    ["by an alias", { ...chat, model: "alias" }, { asked_model: "alias" }],
    ["with vectors that an answer holds", many, { endpoint: "/v1/embeddings" }],
    ["with no tokens where none are written", many, { endpoint: "/v1/embeddings", max_tokens: 0 }],
  ])("is taken %s", (_, body, more) => {
    expect(lowered(body, more)).toMatchObject({ decoded: { job: { model: "m" } } });
  });

  /** Goal: the bound is met to the byte. Method: 64 vectors that fill an answer, and that have one number more. */
  it.each([
    [15_355, "decoded"],
    [15_356, "refused"],
  ])("with 64 vectors of %i numbers is %s", (vectorLength, expected) => {
    const body = { ...many, input: Array.from({ length: 64 }, () => "x") };
    expect(lowered(body, { endpoint: "/v1/embeddings" }, vectorLength)).toHaveProperty(expected);
  });

  it("of a request in the clear is the coordinator's to check", () => {
    for (const body of [
      { ...chat, tools },
      { ...chat, provider_serial: "S2" },
    ])
      expect(lowered(body, { mode: "transparent" })).toHaveProperty("decoded");
    expect(lowered(many, { mode: "transparent", endpoint: "/v1/embeddings" }, 100_000)).toHaveProperty("decoded");
  });
});
