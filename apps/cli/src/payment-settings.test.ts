import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { paymentSettings, readStripe } from "./payment-settings.ts";

const folder = mkdtempSync(join(tmpdir(), "stripe-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const fileOf = (text: string): string => {
  const path = join(folder, String(files++));
  writeFileSync(path, text);
  return path;
};
const read = (key?: string, webhook?: string, stripeApi?: string) =>
  readStripe({ stripeKeyFile: key, stripeWebhookFile: webhook, stripeApi });

describe("Stripe's key and secrets", () => {
  /** Goal: files as people keep them are taken. Method: each kind of key; secrets during a rotation; neither. */
  it("are read from files", () => {
    expect(read()).toBeUndefined();
    for (const key of ["sk_test_1aB", "rk_live_1aB"])
      expect(read(fileOf(`${key}\n`))).toEqual({ key, webhookSecrets: [], apiBase: undefined });
    expect(read(fileOf("sk_test_1"), fileOf("whsec_new\r\n\n whsec_old\n"))?.webhookSecrets).toEqual([
      "whsec_new",
      "whsec_old",
    ]);
  });

  /** Goal: what cannot be meant stops the start, and none of it is told. Method: each; the sentence. */
  it.each<[what: string, act: () => unknown, sentence: RegExp]>([
    ["secrets alone", () => read(undefined, fileOf("whsec_1")), /of no use without/],
    ["an API alone", () => read(undefined, undefined, "https://api.example.com"), /of no use without/],
    ["no file", () => read(join(folder, "none")), /no such file/],
    ["a folder", () => read(folder), /cannot be read/],
    ["a long file", () => read(fileOf("x".repeat(4097))), /too large/],
    ["a publishable key", () => read(fileOf("pk_live_SECRET")), /does not hold one secret key/],
    ["two keys", () => read(fileOf("sk_test_SECRET\nsk_test_SECRET")), /does not hold one secret key/],
    ["an empty file", () => read(fileOf("")), /does not hold one secret key/],
    ["no webhook secret", () => read(fileOf("sk_test_1"), fileOf("sk_test_SECRET")), /does not hold signing secrets/],
    ["an empty file of them", () => read(fileOf("sk_test_1"), fileOf("\n")), /does not hold signing secrets/],
  ])("are refused: %s", (_what, act, sentence) => {
    expect(act).toThrow(sentence);
    expect(act).not.toThrow("SECRET");
  });
});

describe("what is said of payments", () => {
  /** Goal: the key goes over no line that others can read. Method: both sides. */
  it("names an API that is private", () => {
    for (const good of ["http://127.0.0.1:12111", "http://localhost:1", "http://[::1]:1", "https://api.example.com"])
      expect([good, paymentSettings.stripeApi.read(good)]).toEqual([good, good]);
    for (const bad of [
      "http://api.example.com",
      "https://a:b@c.example",
      "https://a.example/v1",
      "https://a.example/?q",
      "ftp://a",
      "",
    ])
      expect([bad, paymentSettings.stripeApi.read(bad)]).toEqual([bad, undefined]);
  });

  /** Goal: the most is above the least and not above what a card can pay. Method: both borders. */
  it("bounds a payment", () => {
    const borders = ["0.50", "0.49", "999999.99", "1000000", "x"].map((text) => paymentSettings.depositMax.read(text));
    expect(borders).toEqual([500_000n, undefined, 999_999_990_000n, undefined, undefined]);
  });
});
