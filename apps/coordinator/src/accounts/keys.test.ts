import { nodeCrypto, systemRandom } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import { hashOfKey, isKeyShaped, newAccountId, newKey, newKeyId } from "./keys.ts";

/** Goal: a key has the shape that the wire contract names, and its whole entropy. Method: fixed bytes, whose spelling is known. */
it("spells 32 bytes as a key", () => {
  const random = { ...systemRandom, bytes: (length: number) => new Uint8Array(length).fill(255) };
  expect(newKey(random)).toBe(`eigeninference-${"_".repeat(42)}8`);
  expect(newKeyId(random)).toBe(`key_${"f".repeat(32)}`);
  expect(newAccountId(random)).toBe(`acct_${"f".repeat(32)}`);
  expect(newKey(systemRandom)).not.toBe(newKey(systemRandom));
});

/** Goal: what is no key costs no hash. Method: a key, and keys that are bent at each place. */
it("knows the shape of a key", () => {
  const key = newKey(systemRandom);
  expect(isKeyShaped(key)).toBe(true);
  for (const bent of [
    "",
    key.slice(1),
    key.slice(0, -1),
    `${key}A`,
    `${key}\n`,
    key.replace("-", "_"),
    `${key.slice(0, -1)}+`,
  ])
    expect(isKeyShaped(bent), bent).toBe(false);
});

/** Goal: the stored hash is plain SHA-256 of the key's text. Method: the well-known hash of "abc". */
it("hashes a key", () => {
  expect(hashOfKey(nodeCrypto, "abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});
