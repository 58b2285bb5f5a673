import { canonicalBytes } from "@darkbloom/protocol/canonical";
import { toHex } from "@darkbloom/protocol/bytes";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { expect, it, vi } from "vitest";
import { openSoftwareKey } from "../identity/software-key.ts";
import { memoryFolder } from "../../test/machine.ts";
import { Offers, type Offered } from "./offers.ts";

function made() {
  const signer = openSoftwareKey(memoryFolder());
  const signed = vi.spyOn(signer, "signTagged");
  let offered: Offered = { slots: 2, models: [] };
  const offers = new Offers({ crypto: nodeCrypto, signer }, () => offered);
  return { offers, signed, offer: (more: Offered) => void (offered = more) };
}

/** Goal: a chip signs no more than it must, and what is shown is what there is. Method: shown twice, changed, and shown again. */
it("is signed anew only where it has become another", async () => {
  const { offers, signed, offer } = made();
  expect(offers.isOld).toBe(true);
  const first = await offers.show();
  expect(await offers.show()).toBe(first);
  expect([signed.mock.calls.length, offers.isOld, offers.slots]).toEqual([1, false, 2]);
  offer({ slots: 1, models: [] });
  expect([offers.isOld, offers.slots]).toEqual([true, 1]);
  const second = await offers.show();
  expect([signed.mock.calls.length, offers.isOld]).toEqual([2, false]);
  expect(offers.sha256).toBe(
    toHex(nodeCrypto.sha256(canonicalBytes(JSON.parse(Buffer.from(second.bytes).toString())))),
  );
});

/** Goal: nobody answers a challenge over an offer that was never shown. Method: asked before the first. */
it("has no digest before it is shown", () => {
  expect(() => made().offers.sha256).toThrow(RangeError);
});
