import { adminCalls } from "../admin/calls.ts";
import { endpoints } from "@darkbloom/protocol/dialects";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { BuildId, ModelId, JobId, KeyId, RequestId } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { systemClock } from "@darkbloom/protocol/node";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { ACCOUNT, chatBody, closing, dial, entry, facts, fleetOf, openEdge, machineView } from "../../test/http-kit.ts";
import { MemoryLedger } from "../adapters/memory-ledger.ts";
import type { HoldId } from "../ledger/settlement.ts";
import { ACCOUNT_CREDIT_MICRO_USD_MAX } from "../ledger/moves.ts";
import { Catalog } from "../catalog/catalog.ts";
import { usdPerToken } from "./models.ts";

const plainSettings = { corsOrigins: [], trustProxy: false, version: "0", minTrustDefault: "self_signed" } as const;

const consoleRoutes = [
  "get /console",
  "get /console/{id}",
  "get /console/assets/{name}",
  "get /docs",
  "get /v1/me/events",
  "get /v1/network",
];
const moneyRoutes = [
  "post /v1/billing/stripe/create-session",
  "get /v1/billing/stripe/session",
  "post /v1/billing/stripe/webhook",
];
const signInRoutes = [
  "get /sign-in",
  "get /sign-in/link/{secret}",
  "post /sign-in/link",
  "get /sign-in/invite/{secret}",
  "post /sign-in/invite",
  "post /sign-in/mail",
  "post /sign-in/code",
  "post /sign-in/passkey",
  "post /sign-in/passkey/use",
  "post /sign-in/openid",
  "get /sign-in/openid/callback",
  "post /sign-out",
  "post /v1/device/code",
  "post /v1/device/token",
  "post /v1/device/revoke",
  "get /.well-known/oauth-authorization-server",
  "get /device",
  "post /device",
  "get /v1/admin/live",
  "get /v1/me",
  "get /v1/me/sessions",
  "delete /v1/me/sessions/{id}",
  "get /v1/me/export",
  "get /v1/me/erasure",
  "post /v1/me/erase",
  "get /v1/me/summary",
  "get /v1/me/earnings",
  "get /v1/me/passkeys",
  "post /v1/me/passkeys",
  "post /v1/me/passkeys/options",
  "delete /v1/me/passkeys/{id}",
  "get /v1/me/providers",
  "patch /v1/me/providers/{id}",
  "delete /v1/me/providers/{id}",
  "get /v1/keys",
  "post /v1/keys",
  "get /v1/keys/{id}",
  "patch /v1/keys/{id}",
  "delete /v1/keys/{id}",
  "post /v1/keys/{id}/rotate",
  "get /v1/teams",
  "post /v1/teams",
  "post /v1/teams/join",
  "get /v1/teams/{id}",
  "patch /v1/teams/{id}",
  "delete /v1/teams/{id}",
  "get /v1/teams/{id}/members",
  "patch /v1/teams/{id}/members/{person}",
  "delete /v1/teams/{id}/members/{person}",
  "get /v1/teams/{id}/invites",
  "post /v1/teams/{id}/invites",
  "delete /v1/teams/{id}/invites/{invite}",
  "get /v1/payments/withdrawals",
  "post /v1/payments/withdrawals",
  "delete /v1/payments/withdrawals/{id}",
  "get /scim/v2/ServiceProviderConfig",
  "get /scim/v2/Users",
  "post /scim/v2/Users",
  "get /scim/v2/Users/{id}",
  "put /scim/v2/Users/{id}",
  "patch /scim/v2/Users/{id}",
  "get /join/{secret}",
  "post /join",
];
const keyedPaths = [
  "/v1/models",
  "/v1/models/org/tiny",
  "/v1/payments/balance",
  "/v1/payments/usage",
  "/v1/payments/deposits",
  "/v1/key",
  "/v1/receipts/job_1",
];
const openPaths = [
  "/deposit",
  "/v1/pricing",
  "/v1/providers/attestation",
  "/.well-known/darkbloom",
  "/health",
  "/readyz",
  "/metrics",
  "/",
  "/llms.txt",
  "/openapi.json",
];

/** Open to everybody where a log is kept; see `log.test.ts`. */
const logPaths = ["/log/checkpoint", "/log/proof/{leaf}", "/log/tile/{id}"];

describe("what each route answers", () => {
  it("needs a key exactly where the contract says so", async () => {
    await using edge = await openEdge();
    for (const path of keyedPaths) expect([path, (await edge.get(path)).status]).toEqual([path, 401]);
    for (const path of openPaths) expect([path, (await edge.get(path)).status]).toEqual([path, 200]);
  });

  it("describes models with limits, prices and the machines behind them", async () => {
    const fleet = fleetOf(machineView("hardware"), machineView("none"), machineView("self_signed"));
    await using edge = await openEdge({ fleet });
    const model = {
      id: "org/tiny",
      object: "model",
      created: 1_700_000_000,
      owned_by: "darkbloom",
      name: "Tiny",
      context_length: 4096,
      max_output_length: 1024,
      tasks: ["generate", "complete"],
      input_modalities: ["text"],
      output_modalities: ["text"],
      pricing: { prompt: "0.00000025", completion: "0.000001", input_cache_read: "0.000000025" },
      metadata: { trust_level: "hardware", provider_count: 2, can_accept: true },
    };
    expect(await (await edge.keyed("/v1/models")).json()).toEqual({ object: "list", data: [model] });
    expect(await (await edge.keyed("/v1/models/org/tiny")).json()).toEqual(model);
    expect(await (await edge.keyed("/v1/models/org%2Ftiny")).json()).toEqual(model);
    const unknown = await edge.keyed("/v1/models/else");
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { error: { code: "model_not_found" } }]);
  });

  /** Goal: it says what a model can be asked for. Method: one that only embeds, one that does both. */
  it("says whether a model talks, embeds or both", async () => {
    const embedding = { dimensions: 384, shortenedTo: [128] };
    const both = { ...entry, tasks: ["generate", "embed"] as const, embedding };
    const alone = { ...entry, id: "alone" as ModelId, tasks: ["embed"] as const, embedding };
    await using edge = await openEdge({ catalog: new Catalog([both, alone]) });
    const told = { embedding: { dimensions: 384, shortened_to: [128] } };
    expect(await (await edge.keyed("/v1/models/org/tiny")).json()).toMatchObject({
      tasks: ["generate", "embed"],
      output_modalities: ["text", "embeddings"],
      max_output_length: 1024,
      ...told,
    });
    expect(await (await edge.keyed("/v1/models/alone")).json()).toMatchObject({
      tasks: ["embed"],
      output_modalities: ["embeddings"],
      max_output_length: 0,
      ...told,
    });
  });

  /** Goal: `data[0]` answers, for the many clients that take it. Method: a model before it that nobody serves; then hidden ones. */
  it("lists models that a machine serves before others, or alone", async () => {
    const unserved = { ...entry, id: "another" as ModelId, build: "another" as BuildId };
    const catalog = new Catalog([unserved, entry]);
    const ids = async (hideUnserved?: boolean) => {
      await using edge = await openEdge({
        catalog,
        settings: { ...plainSettings, ...(hideUnserved && { hideUnserved }) },
      });
      const listed = (await (await edge.keyed("/v1/models")).json()) as { data: { id: string }[] };
      expect((await edge.keyed("/v1/models/another")).status).toBe(200);
      return listed.data.map(({ id }) => id);
    };
    expect(await ids()).toEqual(["org/tiny", "another"]);
    expect(await ids(true)).toEqual(["org/tiny"]);
  });

  /** Goal: no context is promised that no machine offers. Method: a machine with one token less than the catalog says. */
  it("counts no machine whose context is too small", async () => {
    const offer = (contextTokens: number) => ({
      models: [{ build: entry.build, weightsSha256: entry.weightsSha256, contextTokens, tokenBytesMax: 16 }],
    });
    for (const [contextTokens, provider_count] of [
      [entry.contextTokens, 1],
      [entry.contextTokens - 1, 0],
    ] as const) {
      await using edge = await openEdge({ fleet: fleetOf(machineView("self_signed", offer(contextTokens))) });
      expect(await (await edge.keyed("/v1/models/org/tiny")).json()).toMatchObject({ metadata: { provider_count } });
    }
  });

  /** Goal: the list promises what routing keeps. Method: a machine that is shut out by what its published view does not show. */
  it.each([{ distrustedUntilMs: Infinity }, { failing: true }, { draining: true }])(
    "counts no machine that no request reaches: %o",
    async (fault) => {
      const fleet = fleetOf(machineView("self_signed"));
      const machines = fleet.machines().map((machine) => ({ ...machine, ...fault }));
      await using edge = await openEdge({
        fleet: { ...fleet, machines: () => machines, machinesFor: () => machines },
      });
      expect(await (await edge.keyed("/v1/models/org/tiny")).json()).toMatchObject({
        metadata: { trust_level: "none", provider_count: 0, can_accept: false },
      });
      expect(await edge.observer.metrics.text()).toContain("darkbloom_slots 0");
    },
  );

  it("says that a model has nobody behind it", async () => {
    await using edge = await openEdge({
      fleet: fleetOf(machineView("hardware", { attestedUntilMs: Number.NEGATIVE_INFINITY })),
    });
    expect(await (await edge.keyed("/v1/models/org/tiny")).json()).toMatchObject({
      metadata: { trust_level: "none", provider_count: 0, can_accept: false },
    });
  });

  it("shows money in the exact shapes of the contract", async () => {
    await using edge = await openEdge();
    const holdId = "hold_1" as HoldId;
    const requestId = "req_1" as RequestId;
    const at = Date.parse("2026-01-02T03:04:05.678Z");
    const amount = microUsd(1000n);
    await edge.ledger.credit("c1", ACCOUNT, microUsd(5_000_000n), at);
    await edge.ledger.hold({
      holdId,
      requestId,
      account: ACCOUNT,
      keyId: "key_1" as KeyId,
      model: entry.id,
      amount,
      tokens: 12n,
      caps: [],
      at,
    });
    expect(await (await edge.keyed("/v1/payments/balance")).json()).toEqual({
      balance_micro_usd: 4_999_000,
      balance_usd: "4.999000",
      held_micro_usd: 1000,
      granted_micro_usd: 4_999_000,
      granted_usd: "4.999000",
      paid_in_micro_usd: 0,
      paid_in_usd: "0.000000",
      earned_micro_usd: 0,
      earned_usd: "0.000000",
      debt_micro_usd: 0,
      debt_usd: "0.000000",
      withdrawable_micro_usd: 0,
      withdrawable_usd: "0.000000",
    });
    const usage = { promptTokens: 5, cachedTokens: 2, completionTokens: 7, reasoningTokens: 0 };
    const job = {
      jobId: "job_1" as JobId,
      serial: facts.serial,
      usage,
      earned: microUsd(0n),
      receipt: closing.receipt,
    };
    await edge.ledger.settle(holdId, { outcome: "finished", charge: amount, at, job });
    expect(await (await edge.keyed("/v1/payments/usage?limit=1")).json()).toEqual({
      usage: [
        {
          job_id: "job_1",
          request_id: "req_1",
          model: "org/tiny",
          prompt_tokens: 5,
          cached_tokens: 2,
          completion_tokens: 7,
          cost_micro_usd: 1000,
          outcome: "finished",
          timestamp: "2026-01-02T03:04:05.678Z",
        },
      ],
    });
    for (const limit of ["0", "501", "x", "1.5", "", "1&limit=2"]) {
      const refused = await edge.keyed(`/v1/payments/usage?limit=${limit}`);
      expect([limit, refused.status, await refused.json()]).toMatchObject([limit, 400, { error: { param: "limit" } }]);
    }
    expect(await (await edge.get("/v1/pricing")).json()).toEqual({
      prices: [{ model: "org/tiny", input_price: 250_000, output_price: 1_000_000, cache_read_price: 25_000 }],
    });
  });

  it("shows as much money as an account can have", async () => {
    await using edge = await openEdge();
    await edge.ledger.credit("c1", ACCOUNT, microUsd(ACCOUNT_CREDIT_MICRO_USD_MAX), 1);
    expect(await (await edge.keyed("/v1/payments/balance")).json()).toMatchObject({
      balance_micro_usd: 1e17,
      balance_usd: "100000000000.000000",
    });
    const all = {
      holdId: "hold_1" as HoldId,
      amount: microUsd(ACCOUNT_CREDIT_MICRO_USD_MAX),
      tokens: 0n,
      caps: [],
      at: 1,
    };
    const named = { requestId: "req_1" as RequestId, account: ACCOUNT, keyId: "key_1" as KeyId, model: entry.id };
    await edge.ledger.hold({ ...all, ...named });
    expect(await (await edge.keyed("/v1/payments/balance")).json()).toMatchObject({ held_micro_usd: 1e17 });
    const usage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 };
    const job = { jobId: "job_1" as JobId, serial: facts.serial, usage, earned: microUsd(0n) };
    await edge.ledger.settle(all.holdId, { outcome: "finished", charge: all.amount, at: 1, job });
    expect(await (await edge.keyed("/v1/payments/usage")).json()).toMatchObject({ usage: [{ cost_micro_usd: 1e17 }] });
  });

  it("gives a receipt to the account that paid, while it is kept", async () => {
    const later = { ...systemClock, now: () => Date.parse("2026-02-01T00:00:00Z") };
    await using edge = await openEdge({ clock: later });
    const holdId = "hold_1" as HoldId;
    const at = later.now();
    await edge.ledger.credit("c1", ACCOUNT, microUsd(10n), at);
    await edge.ledger.hold({
      holdId,
      requestId: "r" as RequestId,
      account: ACCOUNT,
      keyId: "key_1" as KeyId,
      model: entry.id,
      amount: microUsd(1n),
      tokens: 2n,
      caps: [],
      at,
    });
    const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 1, reasoningTokens: 0 };
    const job = {
      jobId: "job_1" as JobId,
      serial: facts.serial,
      usage,
      earned: microUsd(0n),
      receipt: closing.receipt,
    };
    await edge.ledger.settle(holdId, { outcome: "finished", charge: microUsd(1n), at, job });
    expect(await (await edge.keyed("/v1/receipts/job_1")).json()).toEqual(closing.receipt);
    const unknown = await edge.keyed("/v1/receipts/job_2");
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { error: { code: "receipt_not_found" } }]);
  });

  it("shows the key, the machines, the pinned keys and the process", async () => {
    await using edge = await openEdge();
    expect(await (await edge.keyed("/v1/key")).json()).toEqual({
      id: "key_1",
      name: "laptop",
      label: "eigeninference-Ab3…x9Q2",
      account: "acct_test",
      created_by: null,
      disabled: false,
      limit_usd: null,
      limit_tokens: null,
      limit_reset: "none",
      rpm_limit: null,
      itpm_limit: null,
      otpm_limit: null,
      allowed_models: [],
      min_trust: null,
      usage_usd: "0.000000",
      remaining_usd: null,
      usage_tokens: 0,
      remaining_tokens: null,
      resets_at: null,
      provider_serials: [],
      privacy: "any",
      self_route_only: false,
      expires_at: null,
      created_at: "2023-11-14T22:13:20.000Z",
      last_used_at: null,
    });
    expect(await (await edge.get("/v1/providers/attestation")).json()).toEqual({
      providers: [
        {
          provider_id: "prov_1",
          provider_serial: "SW-1234",
          se_public_key: "AAAA",
          chip_name: "M3 Ultra",
          hardware_model: "Mac15,14",
          models: ["tiny-q8"],
          trust_level: "self_signed",
          evidence_sha256: "d".repeat(64),
          evidence: {
            platform: "macos",
            blob: btoa("blob"),
            signature: btoa("signature"),
            offer: btoa("offer"),
            offer_signature: btoa("signature"),
            challenge: {
              nonce: btoa("nonce"),
              callers_root: null,
              answer: btoa("answer"),
              signature: btoa("signature"),
            },
          },
          verdict: {
            level: "self_signed",
            checks: [{ id: "blob.signature", status: "pass", seen: "good", remedy: "" }],
            at: "2026-01-01T00:00:00.000Z",
            age_sec: expect.any(Number),
          },
        },
      ],
    });
    const nonced = (nonce: string) => `/v1/providers/attestation?nonce=${encodeURIComponent(nonce)}`;
    const nonce = `${"+/Aa".repeat(10)}abA=`;
    expect((await edge.keyed(nonced("AAAA"))).status).toBe(400);
    expect((await edge.get(nonced(nonce))).status).toBe(401);
    for (const written of [nonce, nonce.replaceAll("+", "-").replaceAll("/", "_").replace("=", "")])
      expect(await (await edge.keyed(nonced(written))).json()).toMatchObject({
        providers: [{ evidence: { challenge: { callers_path: [] } } }],
      });
    expect(await (await edge.get("/.well-known/darkbloom")).json()).toEqual({
      coordinator_keys: [{ id: "k1", algorithm: "Ed25519", public_key: `${"A".repeat(43)}=` }],
      modes: ["transparent", "sealed"],
      suites: ["x-wing/hkdf-sha256/aes-256-gcm", "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm"],
    });
    expect(await (await edge.get("/health")).json()).toEqual({ status: "ok", providers: 1 });
    const metrics = await edge.get("/metrics");
    expect(metrics.headers.get("content-type")).toContain("text/plain; version=");
    expect(await metrics.text()).toContain('darkbloom_providers{trust_level="self_signed"} 1');
    expect(await (await edge.get("/")).json()).toMatchObject({ base_url: `${edge.origin}/v1` });
    expect(await (await edge.get("/llms.txt")).text()).toContain(`${edge.origin}/v1`);
  });

  it("is not ready while draining, and still healthy", async () => {
    await using edge = await openEdge({ isDraining: () => true });
    const ready = await edge.get("/readyz");
    expect([ready.status, ready.headers.get("retry-after")]).toEqual([503, "3"]);
    expect((await edge.get("/health")).status).toBe(200);
  });
});

/** Goal: nobody counts on a receipt that is gone. Method: the guide of an operator who said nothing, and of two who did. */
it.each([
  [undefined, "for 90 days"],
  [7, "for 7 days"],
  [1, "for 1 day"],
])("tells how long receipts are kept: %s", async (receiptDays, words) => {
  await using plain = await openEdge();
  await using edge = await openEdge({ settings: { ...plain.settings, receiptDays } });
  expect(await (await edge.get("/llms.txt")).text()).toContain(`the signed receipt of an answer, ${words}\n`);
});

/** Goal: a load balancer learns that the disk is full, and asking often costs nothing. Method: a ledger that counts its writes and fails them; a clock that stands. */
it("is ready only while the ledger can be written", async () => {
  const ledger = new MemoryLedger();
  let writes = 0;
  let full = false;
  let nowMs = 0;
  ledger.assertWritable = async () => {
    writes++;
    if (full) throw new NetworkError({ code: "storage_unavailable", fault: "disk_full", retryAfterSec: 5 });
  };
  await using edge = await openEdge({ ledger, clock: { ...systemClock, monotonicMs: () => nowMs } });
  const ask = async () => (await edge.get("/readyz")).status;
  expect([await ask(), await ask(), writes]).toEqual([200, 200, 1]);
  full = true;
  nowMs = 999;
  expect([await ask(), writes]).toEqual([200, 1]);
  nowMs = 1_000;
  const refused = await edge.get("/readyz");
  expect([refused.status, refused.headers.get("retry-after"), writes]).toEqual([503, "5", 2]);
  expect(await refused.json()).toMatchObject({
    error: {
      code: "storage_unavailable",
      message:
        "This coordinator cannot keep its books now: its disk is full. Nothing was charged. Tell its operator, and try again in 5 s.",
    },
  });
  full = false;
  nowMs = 2_000;
  expect(await ask()).toBe(200);
});

describe("paths, methods and origins", () => {
  it("tells unknown paths from wrong methods", async () => {
    await using edge = await openEdge();
    const codes = new Map([
      [404, "route_not_found"],
      [405, "method_not_allowed"],
      [426, "upgrade_needed"],
    ]);
    const table: [method: string, path: string, status: number, allow: string | null][] = [
      ["GET", "/v1/nothing", 404, null],
      ["OPTIONS", "/v1/nothing", 404, null],
      ["GET", "/v1/%zz", 404, null],
      ["QUERY", "/v1/nothing", 404, null],
      ["QUERY", "/v1/key", 404, null],
      ["GET", "/v1/chat/completions", 405, "POST, OPTIONS"],
      ["HEAD", "/v1/chat/completions", 405, "POST, OPTIONS"],
      ["DELETE", "/v1/chat/completions", 405, "POST, OPTIONS"],
      ["POST", "/v1/models/org/tiny", 405, "GET, HEAD, OPTIONS"],
      ["PUT", "/health", 405, "GET, HEAD, OPTIONS"],
      ["HEAD", "/health", 200, null],
      ["GET", "//health/", 200, null],
      ["DELETE", "//v1//chat/completions/?a=//", 405, "POST, OPTIONS"],
      ["GET", "/v1/v1/models", 404, null],
      ["POST", "/chat/completions", 404, null],
      ["GET", "/ws/provider", 426, null],
      ["POST", "//ws/provider/?a", 426, null],
      ["GET", "/ws/provider/x", 404, null],
      ["OPTIONS", "/v1/models/org/tiny", 204, "GET, HEAD, OPTIONS"],
    ];
    for (const [method, path, status, allow] of table) {
      const response = await edge.get(path, { method, headers: { "x-request-id": "mine" } });
      expect([method, path, response.status, response.headers.get("allow")]).toEqual([method, path, status, allow]);
      expect(response.headers.get("x-request-id")).toBe("mine");
      expect(response.headers.get("request-id")).toBe("mine");
      const text = await response.text();
      if (status >= 400 && method !== "HEAD") expect(JSON.parse(text).error.code).toBe(codes.get(status));
      expect(response.headers.get("upgrade")).toBe(status === 426 ? "websocket" : null);
    }
  });

  /** Goal: an Anthropic SDK understands what is wrong with its base URL. Method: its paths, right and wrong, each with an error. */
  it("tells errors below /v1/messages in Anthropic's envelope", async () => {
    await using edge = await openEdge();
    for (const [method, path, status] of [
      ["POST", "/v1/v1/messages", 404],
      ["POST", "/messages", 404],
      ["POST", "/v1/messages/batches", 404],
      ["GET", "/v1/messages", 405],
      ["POST", "//v1/messages/", 401],
    ] as const) {
      const response = await edge.get(path, { method });
      expect([path, response.status, await response.json()]).toMatchObject([path, status, { type: "error" }]);
    }
    const twice = await edge.get("/v1/v1/messages", { method: "POST" });
    expect(await twice.json()).toMatchObject({
      error: { type: "not_found_error", message: expect.stringContaining("Anthropic's SDKs add /v1 themselves") },
    });
    const models = await edge.keyed("//v1/models//org/tiny/");
    expect([models.status, await models.json()]).toMatchObject([200, { id: "org/tiny" }]);
  });

  it("keeps a caller's request id only where it is well formed", async () => {
    await using edge = await openEdge();
    const idOf = async (id: string) =>
      (await edge.get("/health", { headers: { "x-request-id": id } })).headers.get("x-request-id");
    expect(await idOf("a-B.9:_")).toBe("a-B.9:_");
    for (const id of ["", "with space", "x".repeat(129)]) expect(await idOf(id)).toMatch(/^req_[0-9a-f]{24}$/);
  });

  it("answers pages of allowed origins only", async () => {
    await using closed = await openEdge();
    const origin = "https://console.example";
    expect(
      (await closed.get("/health", { headers: { origin } })).headers.get("access-control-allow-origin"),
    ).toBeNull();

    const settings = { corsOrigins: [origin], trustProxy: false, version: "0", minTrustDefault: "none" } as const;
    await using edge = await openEdge({ settings });
    const asked = await edge.get("/v1/chat/completions", {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" },
    });
    expect(asked.status).toBe(204);
    expect(Object.fromEntries(asked.headers)).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "POST, OPTIONS",
      "access-control-allow-headers": "*, Authorization",
      vary: "Origin",
    });
    const answered = await edge.chat(chatBody({ stream: true }), { origin });
    expect(answered.headers.get("access-control-allow-origin")).toBe(origin);
    const stranger = await edge.get("/health", { headers: { origin: "https://evil.example" } });
    expect(stranger.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("hands over only the provider's socket, and answers other offers of an upgrade", async () => {
    const seen: (string | undefined)[] = [];
    await using edge = await openEdge({
      acceptProvider: (request, socket) => {
        seen.push(request.url);
        socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n");
      },
    });
    const upgrade = "host: x\r\nconnection: upgrade\r\nupgrade:";
    using provider = await dial(edge.port);
    provider.socket.write(`GET /ws/provider?v=1 HTTP/1.1\r\n${upgrade} websocket\r\n\r\n`);
    await provider.until(/^HTTP\/1\.1 101 /);
    using java = await dial(edge.port);
    java.socket.write(`GET /health HTTP/1.1\r\n${upgrade} h2c\r\n\r\n`);
    await java.until(/^HTTP\/1\.1 200 [^]*"ok"/);
    using lost = await dial(edge.port);
    lost.socket.write(`GET /ws/elsewhere HTTP/1.1\r\n${upgrade} websocket\r\n\r\n`);
    await lost.until(/^HTTP\/1\.1 404 /);
    expect(seen).toEqual(["/ws/provider?v=1"]);
  });

  /** Goal: closing ends callers at once and leaves providers to their sessions. Method: one socket of each kind. */
  it("closes without waiting for the sockets of providers", async () => {
    const edge = await openEdge({
      acceptProvider: (_request, socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    });
    using provider = await dial(edge.port);
    provider.socket.write("GET /ws/provider HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    await provider.until(/101/);
    using caller = await dial(edge.port);
    await edge[Symbol.asyncDispose]();
    await caller.closed;
    expect(provider.socket.readyState).toBe("open");
    await expect(edge.get("/health")).rejects.toThrow();
  });

  it("refuses what is not HTTP, and headers without end", async () => {
    await using edge = await openEdge();
    using line = await dial(edge.port);
    line.socket.write("nonsense\r\n\r\n");
    await line.closed;
    expect(line.heard()).toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\nx-request-id: (?<id>req_\w+)\r\nrequest-id: \k<id>\r\n/,
    );
    using long = await dial(edge.port);
    long.socket.write(`GET /health HTTP/1.1\r\nhost: x\r\nx-long: ${"x".repeat(20_000)}\r\n\r\n`);
    expect(await long.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 431 /);
  });
});

describe("the API description", () => {
  interface Operation {
    summary?: string;
    security?: unknown;
    parameters?: { name: string }[];
    requestBody?: { content: Record<string, unknown> };
    responses: Record<string, { headers?: Record<string, unknown>; content?: Record<string, unknown> }>;
  }
  interface Description {
    openapi: string;
    components: { securitySchemes: object };
    paths: Record<string, Record<string, Operation>>;
  }
  const describeIt = async (): Promise<Description> => {
    await using edge = await openEdge();
    return (await (await edge.get("/openapi.json")).json()) as Description;
  };

  /**
   * Goal: tools can read it. Method: a validator of OpenAPI over the whole, and over the same with each of the faults that
   * ours had or could have; JSON Schema's own schema over each schema inside.
   */
  it("is OpenAPI", async () => {
    const description = await describeIt();
    const judge = async (changed: object) => {
      const validator = new Validator();
      const { valid } = await validator.validate({ ...description, ...changed });
      return [valid, validator.version];
    };
    expect(await judge({})).toEqual([true, "3.1"]);
    const faults: Record<string, object> = {
      "no title": { info: { version: "1" } },
      "a path without a slash": { paths: { health: {} } },
      "an unknown member": { servers: [{ url: "/", uri: "/" }] },
      "a response without a description": { paths: { "/x": { get: { responses: { 200: {} } } } } },
      "a parameter that is nowhere": { paths: { "/x": { get: { parameters: [{ name: "id", in: "head" }] } } } },
    };
    for (const [fault, changed] of Object.entries(faults))
      expect([fault, (await judge(changed))[0]]).toEqual([fault, false]);
  });

  /** Goal: the same of what the validator leaves open. Method: JSON Schema's own schema over each schema inside. */
  it("holds valid schemas only", async () => {
    const description = await describeIt();
    const schemas = schemasIn(description);
    expect(schemas.length).toBeGreaterThan(100);
    const ajv = new Ajv2020();
    expect(schemas.filter((schema) => ajv.validateSchema(schema) !== true)).toEqual([]);
    expect(ajv.validateSchema({ prefixItems: [] })).toBe(false);
  });

  /** Goal: no route is missing and none is invented. Method: the description against what the router answers. */
  it("lists every route", async () => {
    const { paths } = await describeIt();
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    );
    const expected = [...openPaths, ...logPaths, ...keyedPaths]
      .map((path) => `get ${path.replace("org/tiny", "{id}").replace("job_1", "{job_id}")}`)
      .concat(endpoints.map((path) => `post ${path}`))
      .concat(moneyRoutes, signInRoutes)
      .concat(consoleRoutes)
      .concat(Object.values(adminCalls).map(({ method, path }) => `${method.toLowerCase()} ${path}`));
    expect(described.toSorted()).toEqual(expected.toSorted());

    await using edge = await openEdge();
    for (const path of Object.keys(paths)) {
      const { headers } = await edge.get(path.replaceAll(/[{}]/g, ""), { method: "OPTIONS" });
      const methods = (headers.get("allow") ?? "")
        .split(", ")
        .filter((method) => !["HEAD", "OPTIONS"].includes(method));
      expect([path, methods.map((method) => method.toLowerCase())]).toEqual([path, Object.keys(paths[path] ?? {})]);
    }
  });

  it("describes bodies, headers, failures and keys", async () => {
    const { openapi, components, paths } = await describeIt();
    expect(openapi).toBe("3.1.0");
    expect(Object.keys(components.securitySchemes)).toEqual(["bearer", "apiKey", "operatorToken", "session", "cookie"]);
    const chat = paths["/v1/chat/completions"]?.["post"];
    expect(chat?.security).toEqual([{ bearer: [] }, { apiKey: [] }, { session: [] }, { cookie: [] }]);
    expect(JSON.stringify(chat)).toContain("max_completion_tokens");
    expect(chat?.parameters?.map(({ name }) => name)).toContain("x-darkbloom-nonce");
    expect(Object.keys(chat?.responses ?? {})).toEqual(
      expect.arrayContaining(["200", "400", "401", "402", "403", "404", "413", "429", "500", "502", "503", "504"]),
    );
    for (const { responses } of Object.values(paths).flatMap((operations) => Object.values(operations)))
      for (const response of Object.values(responses))
        expect(Object.keys(response.headers ?? {})).toEqual(expect.arrayContaining(["x-request-id", "request-id"]));
    const { headers, content } = chat?.responses["200"] ?? {};
    expect(Object.keys(content ?? {})).toEqual([
      "application/json",
      "text/event-stream",
      "application/vnd.darkbloom.sealed-stream",
    ]);
    expect(Object.keys(chat?.requestBody?.content ?? {})).toEqual([
      "application/json",
      "application/vnd.darkbloom.sealed",
    ]);
    expect(Object.keys(headers ?? {})).toEqual(
      expect.arrayContaining(["x-response-hash", "x-se-signature", "x-provider-serial", "x-ratelimit-limit-requests"]),
    );
    expect(Object.keys(chat?.responses["429"]?.headers ?? {})).toContain("retry-after");
    const headersOf = (path: string) => paths[path]?.["post"]?.parameters?.map(({ name }) => name);
    expect(headersOf("/v1/messages")).toContain("anthropic-version");
    expect(headersOf("/v1/chat/completions")).not.toContain("anthropic-version");
    expect(paths["/v1/models/{id}"]?.["get"]?.parameters?.map(({ name }) => name)).toEqual(["id", "anthropic-version"]);
  });
});

/** What stands under `schema` anywhere, and the shared ones. */
function schemasIn(value: unknown): object[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inside]: [string, unknown]) =>
    name === "schema" && typeof inside === "object" && inside !== null ? [inside] : schemasIn(inside),
  );
}

it("writes a price per token exactly", () => {
  const table: [bigint, string][] = [
    [0n, "0"],
    [1n, "0.000000000001"],
    [250_000n, "0.00000025"],
    [1_000_000_000_000n, "1"],
    [1_500_000_000_000n, "1.5"],
  ];
  for (const [price, text] of table) expect(usdPerToken(price)).toBe(text);
});
