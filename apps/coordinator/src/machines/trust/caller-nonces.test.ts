import { CALLER_NONCES_MAX, rootOfPath } from "@darkbloom/protocol/evidence";
import { NetworkError } from "@darkbloom/protocol/failures";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { CallerNonces } from "./caller-nonces.ts";

const nonce = (n: number) => new Uint8Array(32).fill(n & 255);

/** Goal: each caller is told once, with a path that leads to the root. Method: batches, answered and not. */
describe("callers who wait for a machine", () => {
  it("get the path to the root that the machine answered over", async () => {
    const nonces = new CallerNonces(nodeCrypto);
    let woken = 0;
    nonces.onFirst(() => woken++);
    const waiting = [1, 2, 3].map((n) => nonces.include(nonce(n)));
    expect([woken, nonces.waiting]).toEqual([1, 3]);
    const batch = nonces.take();
    expect(nonces.waiting).toBe(0);
    batch.close(true);
    for (const [at, path] of (await Promise.all(waiting)).entries())
      expect(path && rootOfPath(nodeCrypto, nonce(at + 1), path)).toBe(batch.root);
    void nonces.include(nonce(4));
    expect(woken).toBe(2);
  });

  it("are told that there was no answer, and after the end at once", async () => {
    const nonces = new CallerNonces(nodeCrypto);
    const waiting = nonces.include(nonce(1));
    nonces.take().close(false);
    expect(await waiting).toBeUndefined();
    const second = nonces.include(nonce(2));
    nonces.end();
    expect(await second).toBeUndefined();
    expect(await nonces.include(nonce(3))).toBeUndefined();
    expect(nonces.take().root).toBeNull();
  });

  it("are no more than the bound: one more is told to come again", async () => {
    const nonces = new CallerNonces(nodeCrypto);
    for (let n = 0; n < CALLER_NONCES_MAX; n++) void nonces.include(nonce(n));
    const refused = () => nonces.include(nonce(0));
    expect(refused).toThrow(NetworkError);
    expect(refused).toThrow("overloaded");
    nonces.take();
    void nonces.include(nonce(0));
    expect(nonces.waiting).toBe(1);
  });
});
