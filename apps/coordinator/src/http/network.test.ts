import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import { entry, fleetOf, machineView, openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";

/** Goal: everybody sees who is there, and only who is signed in how much they have to do. Method: one machine, by both. */
it("tells of each machine in short", async () => {
  const edge = await openEdge({ fleet: fleetOf(machineView("self_signed")) });
  const ask = async (headers = {}) => (await fetch(`${edge.origin}/v1/network`, { headers })).json();
  const { bearer } = await signIn(
    { people: edge.people, clock: systemClock, random: systemRandom, crypto: nodeCrypto },
    personOf("anna"),
  );
  const machine = {
    provider_serial: "SW-1234",
    trust_level: "self_signed",
    checks: { passed: 1, failed: 0, unknown: 0 },
    models: [entry.id],
    serves: true,
    load: null,
  };
  expect(await ask()).toMatchObject({ machines: [machine] });
  expect(await ask(bearer)).toMatchObject({ machines: [{ ...machine, load: { running: 1, slots: 2 } }] });
  await edge[Symbol.asyncDispose]();
});
