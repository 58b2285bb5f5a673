import { verify } from "node:crypto";
import { expect, it, vi } from "vitest";
import { testSigner } from "../../test/keys.ts";
import { utf8 } from "../bytes.ts";
import { nodeCrypto } from "./crypto.ts";

vi.mock("node:crypto", async (original) => ({
  ...(await original<object>()),
  verify: vi.fn(),
}));

/** Goal: checks leave a thread for files and host names, and each is answered. Method: Node's check in the test's hands. */
it("hands three checks to Node's threads at once, and the others in order", async () => {
  const ends: ((error: Error | null, good: boolean) => void)[] = [];
  vi.mocked(verify).mockImplementation((...given: unknown[]) => void ends.push(given[4] as never));
  const { publicKey } = testSigner("at once");
  const checks = Array.from({ length: 6 }, () => nodeCrypto.verifyP256(publicKey, utf8("m"), new Uint8Array(70)));
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  await turn();
  expect(ends).toHaveLength(3);
  ends[1]?.(null, true);
  await turn();
  expect(await checks[1]).toBe(true);
  expect(ends).toHaveLength(4);
  ends[0]?.(new Error("no signature"), false);
  await turn();
  expect(ends).toHaveLength(5);
  for (const at of [2, 3, 4]) ends[at]?.(null, true);
  await turn();
  expect(ends).toHaveLength(6);
  ends[5]?.(null, false);
  expect(await Promise.all(checks)).toEqual([false, true, true, true, true, false]);
});
