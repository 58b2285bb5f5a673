import { webCrypto } from "@darkbloom/protocol/web";
import { expect, it } from "vitest";
import { DarkbloomError, faults } from "./errors.ts";
import { rulesOf } from "./policy.ts";
import type { Policy } from "./types.ts";

const key = "A".repeat(43) + "=";

it.each<[field: string, wrong: object]>([
  ["mode", { mode: "plain" }],
  ["minTrust", { minTrust: "none" }],
  ["minTrust", { minTrust: "full" }],
  ["pins", { pins: [] }],
  ["pins", { pins: ["with space"] }],
  ["pins", { pins: Array.from({ length: 65 }, (_, at) => `SW-${at}`) }],
  ["builds", { builds: [] }],
  ["builds", { builds: [{}] }],
  ["builds", { builds: [{ weightsSha256: "abc" }] }],
  ["receipts", { receipts: "never" }],
  ["coordinatorKeys", { coordinatorKeys: [] }],
  ["coordinatorKeys", { coordinatorKeys: ["AAAA"] }],
  ["activationBy", { activationBy: "coordinator" }],
  ["activationBy", { activationBy: "provider", coordinatorKeys: [key] }],
  ["log.key", { log: { key: "no key" } }],
  ["roots.apple", { roots: { apple: "no certificate" } }],
  ["roots.tpm", { roots: { tpm: [{ certificate: "no certificate", sha256: "0" }] } }],
  ["revoked", { revoked: { at: "yesterday", identityKeySha256: [] } }],
  ["revoked", { revoked: { at: "2026-11-29T00:00:00Z", identityKeySha256: ["0"] } }],
])("refuses a policy whose %s is wrong: %j", (field, wrong) => {
  const policy = { mode: "transparent", ...wrong } as Policy;
  expect(() => rulesOf(webCrypto, policy)).toThrow(new RegExp(`^policy\\.${field} must be `));
});

it("is sealed unless it says otherwise", () => {
  expect(rulesOf(webCrypto, {}).mode).toBe("sealed");
  expect(rulesOf(webCrypto, { mode: "transparent" }).mode).toBe("transparent");
});

it("asks for hardware where nothing is pinned, and takes a machine by its name where one is", () => {
  expect(rulesOf(webCrypto, { mode: "transparent" }).minTrust).toBe("hardware");
  expect(rulesOf(webCrypto, { mode: "transparent", pins: ["SW-1"] }).minTrust).toBe("self_signed");
  expect(rulesOf(webCrypto, { mode: "transparent", pins: ["SW-1"], minTrust: "hardware" }).minTrust).toBe("hardware");
});

it("takes a coordinator's word on an activation only where it is asked to", () => {
  const coordinatorKeys = [key];
  expect(rulesOf(webCrypto, { mode: "transparent", coordinatorKeys }).machines.coordinatorKeys).toBeUndefined();
  const trusting = rulesOf(webCrypto, { mode: "transparent", coordinatorKeys, activationBy: "coordinator" });
  expect(trusting.machines.coordinatorKeys?.size).toBe(1);
});

it("says of every error what to do", () => {
  for (const [code, { action, status }] of Object.entries(faults)) {
    expect(["fix", "retry", "stop"]).toContain(action);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(new DarkbloomError(code as keyof typeof faults, "x").action).toBe(action);
  }
});
