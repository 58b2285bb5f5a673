import type { KeyId } from "@darkbloom/protocol/ids";
import { systemClock } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { Notices, type Notice } from "../events/notices.ts";
import { MemoryAccounts } from "../adapters/memory-accounts.ts";
import { Known, KNOWN_MS_MAX } from "./known.ts";
import { KnownKeys } from "./known-keys.ts";

function sharing() {
  const time = { ms: 0 };
  const clock = { ...systemClock, monotonicMs: () => time.ms };
  return { time, clock, notices: new Notices() };
}

describe("what is known", () => {
  /** Goal: what another coordinator has changed is believed no longer than the bound, though no notice came; a single one reads once. Method: a value that changes behind its back, asked for around the bound. */
  it("is read again in time where others write", async () => {
    const { time, ...shared } = sharing();
    let value = 1;
    const read = async () => value;
    const [known, alone] = [new Known<string, number>(9, shared), new Known<string, number>(9)];
    for (const one of [known, alone]) expect(await one.get("a", read)).toBe(1);
    value = 2;
    time.ms = KNOWN_MS_MAX;
    expect(await known.get("a", read)).toBe(1);
    time.ms += 1;
    expect([await known.get("a", read), await alone.get("a", read)]).toEqual([2, 1]);
  });

  /** Goal: how old something is counts from when it was asked for. Method: an answer that comes late. */
  it("is as old as its question", async () => {
    const { time, ...shared } = sharing();
    const known = new Known<string, number>(9, shared);
    await known.get("a", async () => {
      time.ms = KNOWN_MS_MAX + 1;
      return 1;
    });
    expect(await known.get("a", async () => 2)).toBe(2);
  });

  /** Goal: a change is answered once the others were told, and what they hear of is forgotten. Method: a key changed over a carrier that is slow; then one that was changed elsewhere. */
  it("tells others of a change, and hears of theirs", async () => {
    const { clock, notices } = sharing();
    const keys = new KnownKeys(new MemoryAccounts(), { clock, notices });
    const told: Notice[] = [];
    let isDone = false;
    const carried = Promise.withResolvers<void>();
    notices.carriedBy(async (notice) => {
      told.push(notice);
      await carried.promise;
    });
    const changed = keys.revoke("key_1" as KeyId, 7).then(() => (isDone = true));
    await new Promise(setImmediate);
    expect([told, isDone]).toEqual([[{ kind: "key", of: "key_1" }], false]);
    carried.resolve();
    await changed;
    const known = new Known<string, string>(9);
    notices.listen("key", (keyId) => known.forget((value) => value === keyId));
    await known.get("hash", async () => "key_1");
    await notices.heard({ kind: "key", of: "key_1" as KeyId });
    expect(await known.get("hash", async () => "key_2")).toBe("key_2");
  });
});
