import type { Sha256Hex } from "@darkbloom/protocol/ids";
import { expect, it } from "vitest";
import { renewedOpeners } from "./openers.ts";

const EVIDENCE_COUNTS_MS = 16 * 60_000;
const showing = (name: string) => ({
  sha256: `${name} evidence` as Sha256Hex,
  blob: {
    hpke_keys: ["a", "b"].map((key) => ({
      id: `${name} ${key}`,
      suite: "x-wing/hkdf-sha256/aes-256-gcm" as const,
      public_key: "",
      expires_at: "",
    })),
  },
});
const openersOf = (shown: ReturnType<typeof showing>) => renewedOpeners([], shown, at(0));
const at = (nowMs: number) => ({ monotonicMs: () => nowMs });

it("are all keys of the blob, without an end", () => {
  expect(openersOf(showing("one"))).toEqual([
    { evidenceSha256: "one evidence", keyId: "one a", untilMs: Infinity },
    { evidenceSha256: "one evidence", keyId: "one b", untilMs: Infinity },
  ]);
});

/** Goal: who has read evidence may use it for as long as it counts, and no longer. Method: blob after blob. */
it("stay for a while when others take their place", () => {
  const second = renewedOpeners(openersOf(showing("one")), showing("two"), at(1000));
  expect(second.map(({ keyId, untilMs }) => [keyId, untilMs])).toEqual([
    ["two a", Infinity],
    ["two b", Infinity],
    ["one a", 1000 + EVIDENCE_COUNTS_MS],
    ["one b", 1000 + EVIDENCE_COUNTS_MS],
  ]);
  // The same one changes nothing.
  expect(renewedOpeners(second, showing("two"), at(5000))).toBe(second);
  // A further one prolongs nothing.
  const third = renewedOpeners(second, showing("three"), at(2000));
  expect(third.find(({ keyId }) => keyId === "one a")?.untilMs).toBe(1000 + EVIDENCE_COUNTS_MS);
  expect(third.find(({ keyId }) => keyId === "two a")?.untilMs).toBe(2000 + EVIDENCE_COUNTS_MS);
  const later = renewedOpeners(third, showing("four"), at(1000 + EVIDENCE_COUNTS_MS));
  expect(later.map(({ keyId }) => keyId)).toEqual(["four a", "four b", "three a", "three b", "two a", "two b"]);
});

it("are so many and no more, the newest first", () => {
  let openers = openersOf(showing("0"));
  for (let blob = 1; blob < 9; blob++) openers = [...renewedOpeners(openers, showing(`${blob}`), at(blob))];
  expect(openers.map(({ keyId }) => keyId)).toEqual(["8 a", "8 b", "7 a", "7 b", "6 a", "6 b", "5 a", "5 b"]);
});
