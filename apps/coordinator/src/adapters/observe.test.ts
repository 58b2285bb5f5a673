import type {
  AccountId,
  BuildId,
  CoordinatorId,
  JobId,
  ModelId,
  OurWords,
  ParamPath,
  ProviderId,
  RequestId,
  Serial,
} from "@darkbloom/protocol/ids";
import { receiptFields } from "@darkbloom/protocol/receipts";
import { PerformanceObserver } from "node:perf_hooks";
import { expect, it, vi } from "vitest";
import { createObserver, placeOf } from "./observe.ts";

const requestId = "req_1" as RequestId;
const providerId = "prov_1" as ProviderId;

function setUp() {
  const lines: string[] = [];
  const observer = createObserver({ level: "trace", destination: { write: (line) => lines.push(line) } });
  return { ...observer, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

it("turns each event into one line and its counters, with money as a number", async () => {
  const { events, metrics, parsed } = setUp();
  events.started({ port: 1 });
  events.requestSettled({
    requestId,
    jobId: "job_1" as JobId,
    account: "acct_1" as AccountId,
    earner: "acct_2" as AccountId,
    model: "tiny" as ModelId,
    build: "tiny-q8" as BuildId,
    outcome: "finished",
    attempts: 2,
    promptTokens: 3,
    completionTokens: 4,
    chargedMicroUsd: 17n,
    queueMs: 1,
    firstContentMs: 200,
    totalMs: 900,
  });
  const failure = { code: "insufficient_funds", neededMicroUsd: 2n, availableMicroUsd: 1n } as const;
  events.requestFailed({ requestId, failure, status: 402, durationMs: 1 });
  events.requestFailed({
    requestId,
    failure: { code: "body_invalid", param: "n" as ParamPath, expected: "it must be 1" as OurWords },
    status: 400,
    durationMs: 1,
  });
  events.attemptFailed({ requestId, jobId: "job_1" as JobId, providerId, code: "too_slow", durationMs: 1 });
  const lie = { requestId, jobId: "job_2" as JobId, providerId, code: "receipt_mismatch", durationMs: 1 } as const;
  for (const field of receiptFields) events.attemptFailed({ ...lie, mismatch: "receipt_fields", field });
  events.attemptFailed({ ...lie, mismatch: "response_hash" });
  events.providerJoined({ providerId, serial: "S" as Serial, trustLevel: "self_signed", slots: 1, models: 1 });
  events.joinRefused({ reason: "token_refused", address: "203.0.113.7" });
  events.adminActed({ action: "credit", outcome: "done", account: "acct_1" as AccountId, creditMicroUsd: 5n });
  events.clockOff({ providerId, offsetMs: 600_000 });
  events.providerLeft({ providerId, reason: "silent", running: 0, connectedMs: 1 });
  events.verdictChanged({ providerId, from: "self_signed", to: "none", failedChecks: 1 });
  events.frameSkipped({ providerId });
  events.databaseChanged({ state: "away" });
  events.busChanged({ state: "away" });
  events.busFailed(new Error("x"));
  events.busSkipped({ why: "seal" });
  events.peerChanged({ coordinatorId: "coord_1" as CoordinatorId, state: "silent" });
  events.logFactsDropped({ facts: 3 });
  events.mailFailed({ fault: "login" });
  events.openIdFailed({ fault: "clock" });
  events.bug({ where: "serve", requestId }, new Error("x"));
  events.stopping({ running: 0 });

  expect(parsed().map(({ event }) => event)).toEqual([
    "started",
    "request_settled",
    "request_failed",
    "request_failed",
    ...Array.from({ length: 2 + receiptFields.length }, () => "attempt_failed"),
    "provider_joined",
    "join_refused",
    "admin_acted",
    "clock_off",
    "provider_left",
    "verdict_changed",
    "frame_skipped",
    "database_changed",
    "bus_changed",
    "bus_failed",
    "bus_skipped",
    "peer_changed",
    "log_facts_dropped",
    "mail_failed",
    "openid_failed",
    "bug",
    "stopping",
  ]);
  expect(parsed()[1]).toMatchObject({ chargedMicroUsd: 17, model: "tiny" });
  expect(parsed()[2]).toMatchObject({ failure: { code: "insufficient_funds", neededMicroUsd: 2 } });
  const told = (event: string) => parsed().find((line) => line["event"] === event);
  expect(told("join_refused")).toMatchObject({ reason: "token_refused", address: "203.0.113.7" });
  expect(told("admin_acted")).toMatchObject({ action: "credit", outcome: "done", creditMicroUsd: 5 });
  expect(told("clock_off")).toMatchObject({ providerId, offsetMs: 600_000 });
  const text = await metrics.text();
  for (const line of [
    'darkbloom_requests_settled_total{model="tiny",outcome="finished"} 1',
    'darkbloom_attempts_total{model="tiny"} 2',
    'darkbloom_tokens_total{model="tiny",kind="completion"} 4',
    'darkbloom_charged_micro_usd_total{model="tiny"} 17',
    'darkbloom_first_content_seconds_bucket{le="0.25",model="tiny"} 1',
    'darkbloom_request_failures_total{code="body_invalid"} 1',
    'darkbloom_attempt_failures_total{code="too_slow"} 1',
    ...receiptFields.map((field) => `darkbloom_receipt_mismatches_total{mismatch="receipt_fields",field="${field}"} 1`),
    'darkbloom_receipt_mismatches_total{mismatch="response_hash",field="none"} 1',
    'darkbloom_joins_refused_total{reason="token_refused"} 1',
    'darkbloom_admin_actions_total{action="credit",outcome="done"} 1',
    'darkbloom_providers_left_total{reason="silent"} 1',
    'darkbloom_database_changes_total{state="away"} 1',
    'darkbloom_bus_changes_total{state="away"} 1',
    "darkbloom_bus_failures_total 1",
    'darkbloom_bus_skipped_total{why="seal"} 1',
    'darkbloom_peer_changes_total{state="silent"} 1',
    "darkbloom_log_facts_dropped_total 3",
    'darkbloom_bugs_total{where="serve"} 1',
  ])
    expect(text).toContain(line);
  expect(text).not.toMatch(/acct_|req_1|prov_1/);
});

/**
 * Goal: whatever an error says, its words stay inside. Method: messages that look like a stack, that were
 * changed after the error was made, and classes and codes that are no names.
 */
it("writes of an error its class and its place, never its words", () => {
  const forged = new TypeError("SECRET\n    at SECRET (file:///SECRET.ts:1:1)\n    at file:///SECRET.ts:1:1");
  const renamed = new Error("SECRET\n    at run (file:///SECRET.ts:1:1)");
  renamed.message = "other";
  const odd = Object.assign(new (class Odd extends Error {})("SECRET"), { code: "SECRET words" });
  for (const error of [forged, renamed, odd, "SECRET", { message: "SECRET" }, null])
    expect(JSON.stringify(placeOf(error))).not.toContain("SECRET");
  expect(placeOf(forged)).toMatchObject({ error: "TypeError" });
  expect(placeOf(forged).at?.[0]).toMatch(/observe\.test\.ts:\d+:\d+/);
  expect(placeOf(Object.assign(new Error("x"), { code: "ECONNRESET" }))).toMatchObject({ code: "ECONNRESET" });
  expect(placeOf("text")).toEqual({ error: "string" });
});

it("writes no more places of an error than twenty", () => {
  const deep = new Error("x");
  const places = Array.from({ length: 21 }, (_, n) => `at step${n} (file:///app.ts:${n + 1}:1)`);
  deep.stack = ["Error: x", ...places.map((place) => `    ${place}`)].join("\n");
  expect(placeOf(deep).at).toEqual(places.slice(0, 20));
});

it("watches the process once, however many observers there are, and lets go of those that ended", async () => {
  const observers = [setUp(), setUp()];
  const watched = vi.spyOn(PerformanceObserver.prototype, "observe");
  observers.push(setUp());
  expect(watched).not.toHaveBeenCalled();
  for (const { metrics } of observers) {
    const names = (await metrics.text()).match(/(?<=^# TYPE )\S+/gm) ?? [];
    expect(names).toContain("nodejs_gc_duration_seconds");
    expect(names).toContain("darkbloom_bugs_total");
    expect(new Set(names).size).toBe(names.length);
  }
});
