import * as fc from "fast-check";
import { expect, it } from "vitest";
import { concatBytes } from "../bytes.ts";
import { nodeHpke } from "../node/hpke.ts";
import { suites, type Suite } from "../wire/registration.ts";
import { SEAL_INFO } from "./envelope.ts";
import { canBeSealedTo, PUBLIC_KEY_BYTES } from "./public-keys.ts";

const bySealing = (suite: Suite, key: Uint8Array): boolean => {
  try {
    nodeHpke.sealContext(suite, key, SEAL_INFO);
    return true;
  } catch {
    return false;
  }
};

/** Goal: a key is refused exactly where OpenSSL would refuse to seal to it. Method: good ones, with numbers around the modulus put into them, and without X25519's part. */
it.each(suites)("are told from those to which nothing can be sealed: %s", (suite) => {
  const good = nodeHpke.generateKey(suite, 0).publicKey;
  expect(good.length).toBe(PUBLIC_KEY_BYTES[suite]);
  expect(canBeSealedTo(suite, good)).toBe(true);
  const zeros = concatBytes(good.subarray(0, -32), new Uint8Array(32));
  expect([canBeSealedTo(suite, zeros), bySealing(suite, zeros)]).toEqual([false, false]);
  if (suite !== "x-wing/hkdf-sha256/aes-256-gcm") return;
  const number = fc.oneof(fc.constantFrom(0, 3328, 3329, 3330, 4095), fc.nat(4095));
  fc.assert(
    fc.property(number, number, fc.nat(383), (one, other, place) => {
      const three = Uint8Array.of(one & 0xff, (one >> 8) | ((other & 0x0f) << 4), other >> 4);
      const key = concatBytes(good.subarray(0, 3 * place), three, good.subarray(3 * place + 3));
      expect(canBeSealedTo(suite, key)).toBe(one < 3329 && other < 3329);
      expect(bySealing(suite, key)).toBe(one < 3329 && other < 3329);
    }),
    // The first and the last three bytes, whatever is drawn.
    {
      numRuns: 60,
      examples: [0, 383].flatMap((place): [number, number, number][] => [
        [3329, 0, place],
        [0, 3329, place],
      ]),
    },
  );
});
