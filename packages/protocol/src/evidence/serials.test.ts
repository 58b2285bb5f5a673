import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { expect, it } from "vitest";
import { testSigner } from "../../test/keys.ts";
import { utf8 } from "../bytes.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { isPseudonym, pseudonymFrom, pseudonymShape, softwareSerial } from "./serials.ts";

/** Goal: a software serial names its key and fits a header. Method: shape, and two keys. */
it("derives a software serial", () => {
  const [one, other] = ["identity key", "stranger"].map((name) =>
    softwareSerial(nodeCrypto, testSigner(name).publicKey),
  );
  expect(one).toMatch(/^SW-[0-9A-HJKMNP-TV-Z]{12}$/);
  expect(other).not.toBe(one);
});

/** Goal: a pseudonym is the one that others would derive. Method: a value made with Python's `hmac` over the key 00 01 … 1f. */
it("derives a pseudonym", () => {
  const key = Uint8Array.from({ length: 32 }, (_, n) => n);
  const mac = hmac(sha256, key, utf8("darkbloom:serial:v1\0C02XK0AAJG5J"));
  expect(pseudonymFrom(mac)).toBe("PS-W5N4W8GT4CB6");
  expect(pseudonymFrom(mac)).toMatch(pseudonymShape);
});

/** Goal: nobody's own serial passes for a pseudonym, whatever follows the prefix. Method: a table. */
it.each([
  ["PS-0123456789AB", true],
  ["PS-", true],
  ["PS-anything else", true],
  ["SW-0123456789AB", false],
  ["C02XK0AAJG5J", false],
  ["XPS-0123456789AB", false],
])("tells whether %s is one: %s", (serial, expected) => {
  expect(isPseudonym(serial)).toBe(expected);
});
