import { toBase64, toHex } from "@darkbloom/protocol/bytes";
import { signatureTypes, verifierKey, type SignatureType } from "@darkbloom/protocol/log";
import { PINNED_SERIALS_MAX } from "@darkbloom/protocol/limits";
import { webCrypto } from "@darkbloom/protocol/web";
import { expect, it } from "vitest";
import { ca, certify, testKeys } from "../../protocol/test/certificates.ts";
import { DarkbloomError, faults } from "./errors.ts";
import { rulesOf } from "./policy.ts";
import type { Policy } from "./types.ts";

const key = "A".repeat(43) + "=";
const keyed = (name: string, type: SignatureType): string =>
  verifierKey(webCrypto, { name, type, publicKey: new Uint8Array(32) });
const witness = keyed("witness.example/1", signatureTypes.cosignature);

it.each<[field: string, wrong: object]>([
  ["mode", { mode: "plain" }],
  ["minTrust", { minTrust: "none" }],
  ["minTrust", { minTrust: "full" }],
  ["pins", { pins: [] }],
  ["pins", { pins: ["with space"] }],
  ["pins", { pins: ["SW-1", "x".repeat(129)] }],
  ["pins", { pins: [5] }],
  ["pins", { pins: Array.from({ length: 65 }, (_, at) => `SW-${at}`) }],
  ["builds", { builds: [] }],
  ["builds", { builds: [{}] }],
  ["builds", { builds: [{ weightsSha256: "abc" }] }],
  ["builds", { builds: [{ build: "with space" }] }],
  ["builds", { builds: [{ build: 5 }] }],
  ["builds", { builds: [{ build: "tiny" }, { build: "tiny", weightsSha256: "A".repeat(64) }] }],
  ["receipts", { receipts: "never" }],
  ["coordinatorKeys", { coordinatorKeys: [] }],
  ["coordinatorKeys", { coordinatorKeys: ["AAAA"] }],
  ["activationBy", { activationBy: "coordinator" }],
  ["activationBy", { activationBy: "provider", coordinatorKeys: [key] }],
  ["log.key", { log: { key: "no key" } }],
  ["log.witnesses", { log: { witnesses: [] } }],
  ["log.witnesses", { log: { witnesses: ["no key"] } }],
  ["log.witnesses", { log: { witnesses: [witness, "no key"] } }],
  ["log.witnesses", { log: { witnesses: [keyed("log.example", signatureTypes.ed25519)] } }],
  ["log.witnesses", { log: { witnesses: [witness, witness] } }],
  ["log.witnesses", { log: { witnesses: [witness, keyed("another/name", signatureTypes.cosignature)] } }],
  ["log.quorum", { log: { quorum: 1 } }],
  ["log.quorum", { log: { witnesses: [witness], quorum: 0 } }],
  ["log.quorum", { log: { witnesses: [witness], quorum: 2 } }],
  ["log.quorum", { log: { witnesses: [witness], quorum: 0.5 } }],
  ["roots.apple", { roots: { apple: "no certificate" } }],
  ["roots.tpm", { roots: { tpm: [{ certificate: "no certificate", sha256: "0" }] } }],
  ["revoked", { revoked: { at: "yesterday", identityKeySha256: [] } }],
  ["revoked", { revoked: { at: "2026-11-29T00:00:00Z", identityKeySha256: ["0"] } }],
])("refuses a policy whose %s is wrong: %j", (field, wrong) => {
  const policy = { mode: "transparent", ...wrong } as Policy;
  expect(() => rulesOf(webCrypto, policy)).toThrow(new RegExp(`^policy\\.${field} must be `));
});

/** Goal: whatever a policy may say is taken as it is said. Method: the most of each. */
it("takes what may be asked for", async () => {
  const pins = Array.from({ length: PINNED_SERIALS_MAX }, (_, at) => `SW-${at}`);
  const builds = [{ build: "tiny" }, { weightsSha256: "a".repeat(64) }, { build: "x", weightsSha256: "0".repeat(64) }];
  const pcrs = { 7: ["a".repeat(64)] };
  const revoked = { at: "2026-11-29T00:00:00Z", identityKeySha256: ["b".repeat(64)] };
  const rules = rulesOf(webCrypto, { pins, builds, pcrs, revoked, receipts: "optional" });
  expect(rules).toMatchObject({ pins: new Set(pins), builds, receiptsRequired: false });
  expect(rules.machines).toEqual({
    roots: { tpm: [] },
    pcrs,
    revocations: { at: Date.parse(revoked.at), identityKeySha256: new Set(revoked.identityKeySha256) },
  });
  expect(rulesOf(webCrypto, {}).machines).toEqual({ roots: { tpm: [] } });
});

/** Goal: a maker's root is taken as bytes or text, and only under the fingerprint that it has. Method: one of our own. */
it("takes a root in DER and in PEM, under its own fingerprint", async () => {
  const maker = { name: "CN=A maker", keys: await testKeys("p256") };
  const der = await certify({ subject: maker, issuer: maker, ...ca });
  const pem = `-----BEGIN CERTIFICATE-----\n${toBase64(der)}\n-----END CERTIFICATE-----\n`;
  const sha256 = toHex(webCrypto.sha256(der));
  for (const certificate of [der, pem])
    expect(rulesOf(webCrypto, { roots: { tpm: [{ certificate, sha256 }] } }).machines.roots?.tpm).toHaveLength(1);
  expect(() => rulesOf(webCrypto, { roots: { tpm: [{ certificate: der, sha256: "0".repeat(64) }] } })).toThrow(
    `policy.roots.tpm must be the certificate ${"0".repeat(64)}; this one is ${sha256}`,
  );
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
