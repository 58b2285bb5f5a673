import { createHmac } from "node:crypto";
import type { Serial } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { policyOf, serialNames } from "./serial-names.ts";
import type { NetworkKey } from "../ports.ts";

const keyOf = (bytes: Uint8Array): NetworkKey => ({
  mac: (message) => new Uint8Array(createHmac("sha256", bytes).update(message).digest()),
});
const key = keyOf(Uint8Array.from({ length: 32 }, (_, n) => n));
const own = "C02XK0AAJG5J" as Serial;
/** Made with Python's `hmac` over the key 00 01 … 1f. */
const alias = "PS-W5N4W8GT4CB6" as Serial;

describe("a machine's name", () => {
  /** Goal: each setting tells what it says, and pins keep working in each. Method: the whole name, by setting. */
  it.each([
    ["serial", { own, serial: own, told: own, alias: undefined, pins: [own, alias] }],
    ["pseudonym", { own, serial: alias, told: alias, alias, pins: [alias] }],
    ["none", { own, serial: alias, told: undefined, alias, pins: [alias] }],
  ] as const)("disclosing %s", (disclosure, expected) => {
    expect(serialNames(key, disclosure).of(own)).toEqual(expected);
  });

  /** Goal: networks cannot compare whom they host, nor a machine be taken for another. Method: another key, another serial. */
  it("differs by network and by machine", () => {
    expect(serialNames(keyOf(new Uint8Array(32)), "pseudonym").of(own).serial).not.toBe(alias);
    expect(serialNames(key, "pseudonym").of("C02XK0AAJG5K").serial).not.toBe(alias);
  });

  /** Goal: a pin by a serial that is not disclosed goes no further than the door. Method: each kind of pin, by setting. */
  it.each([
    ["serial", own, own],
    ["serial", alias, alias],
    ["pseudonym", own, alias],
    ["pseudonym", alias, alias],
    ["none", own, alias],
    ["none", alias, alias],
  ] as const)("disclosing %s, the pin %s is %s", (disclosure, pin, expected) => {
    expect(serialNames(key, disclosure).ofPin(pin)).toBe(expected);
  });

  const pcrs = { 7: ["aa"] };
  it("is asked of the evidence where it is a pseudonym", () => {
    expect(policyOf({ pcrs }, serialNames(key, "serial").of(own), "later")).toEqual({ pcrs, moment: "later" });
    expect(policyOf({ pcrs }, serialNames(key, "none").of(own), "registration")).toEqual({
      pcrs,
      moment: "registration",
      serialAlias: alias,
      ownSerial: own,
    });
  });
});
