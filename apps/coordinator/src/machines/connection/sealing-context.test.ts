import { toBase64 } from "@darkbloom/protocol/bytes";
import type { Sha256Hex } from "@darkbloom/protocol/ids";
import { HPKE_CONTEXT_LIFE_MS } from "@darkbloom/protocol/limits";
import type { HpkeContext } from "@darkbloom/protocol/sealing";
import { nodeHpke } from "@darkbloom/protocol/node";
import { SimulatedClock } from "@darkbloom/testkit";
import { expect, it } from "vitest";
import { SealingContext } from "./sealing-context.ts";

const SUITE = "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm";
const key = nodeHpke.generateKey(SUITE, 8e15);
const entry = { id: key.id, suite: SUITE, public_key: toBase64(key.publicKey), expires_at: "" } as const;
const shown = (sha256: string, keys = 1) => ({
  sha256: sha256 as Sha256Hex,
  blob: { hpke_keys: Array.from({ length: keys }, () => entry) },
});

/** Goal: one public-key step an hour for one blob, and a new one for each. Method: ask again at both sides of the hour, and for another blob. */
it("keeps a context for its time, for its blob", async () => {
  const clock = new SimulatedClock();
  const made: HpkeContext[] = [];
  const hpke = {
    ...nodeHpke,
    sealContext: (...args: Parameters<typeof nodeHpke.sealContext>) => {
      const context = nodeHpke.sealContext(...args);
      made.push(context);
      return context;
    },
  };
  const sealing = new SealingContext({ clock, hpke });
  const first = sealing.of(shown("a"));
  expect(first).toMatchObject({ context: made[0], keyId: key.id, suite: SUITE, evidenceSha256: "a" });
  await clock.advance(HPKE_CONTEXT_LIFE_MS);
  expect(sealing.of(shown("a")).context).toBe(made[0]);
  await clock.advance(1);
  expect(sealing.of(shown("a")).context).toBe(made[1]);
  expect(sealing.of(shown("b"))).toMatchObject({ context: made[2], evidenceSha256: "b" });
  expect(made).toHaveLength(3);
  expect(() => sealing.of(shown("c", 0))).toThrow(RangeError);
});
