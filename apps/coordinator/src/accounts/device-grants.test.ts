import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import { DEVICE_CODES_MAX, DeviceGrants } from "./device-grants.ts";

/** Goal: however many addresses ask, memory is bounded, and the oldest code goes. Method: one more than there may be, each of an address of its own. */
it("holds so many codes", () => {
  const clock = { ...systemClock, monotonicMs: () => 0 };
  const grants = new DeviceGrants({ clock, random: systemRandom, crypto: nodeCrypto });
  const asking = (n: number) => ({ clientId: "c", client: "", address: String(n), at: 0 });
  const [first, second] = [grants.open(asking(0)), grants.open(asking(1))];
  for (let n = 2; n < DEVICE_CODES_MAX; n++) grants.open(asking(n));
  expect(grants.asking(first.userCode)).toMatchObject(asking(0));
  grants.open(asking(DEVICE_CODES_MAX));
  expect(grants.poll(first.deviceCode, "c")).toEqual({ error: "invalid_grant" });
  expect(grants.poll(second.deviceCode, "c")).toEqual({ error: "authorization_pending" });
});
