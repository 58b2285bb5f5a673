import type { Attestations } from "@darkbloom/protocol/evidence";
import { connect } from "node:net";
import { expect, it } from "vitest";
import { entry, evidence, fleetOf, machineView, openEdge } from "../../test/http-kit.ts";
import type { MachineView } from "../machines/ports.ts";
import { ANSWERS_BYTES_MAX } from "../limits/budget.ts";

const PATH = "/v1/providers/attestation";

/** Goal: who needs no key cannot keep a coordinator of many machines busy. Method: ask twice, with a machine whose chip counts who looks; then with newer evidence. */
it("spells a machine's evidence once, and anew when it is another", async () => {
  let looked = 0;
  const counted = (more: Partial<MachineView> = {}): MachineView =>
    Object.defineProperty(machineView("self_signed", more), "chipName", {
      get: () => `M${++looked}`,
      enumerable: true,
    });
  const views = [counted()];
  await using edge = await openEdge({
    fleet: { ...fleetOf(), published: () => views.map((machine) => ({ machine, evidence })) },
  });
  const asked = async () => ((await (await edge.get(PATH)).json()) as Attestations).providers;
  const first = await asked();
  expect(await asked()).toEqual([{ ...first[0], verdict: { ...first[0]?.verdict, age_sec: expect.any(Number) } }]);
  expect(looked).toBe(1);
  const [before] = views;
  if (before) views[0] = counted({ verdict: { ...before.verdict, level: "hardware" } });
  expect(await asked()).toMatchObject([{ trust_level: "hardware", chip_name: "M2" }]);
  if (views[0]) views.push(counted({ verdict: views[0].verdict, providerId: "prov_2" as MachineView["providerId"] }));
  expect((await asked()).map(({ provider_id }) => provider_id)).toEqual(["prov_1", "prov_2"]);
});

/** Goal: nor fill its memory. Method: many who ask and read nothing; one more is told so; then they are gone. */
it("holds a bounded number of answers that nobody reads", async () => {
  const blob = new Uint8Array(8 * 1024 * 1024);
  const published = () => [{ machine: machineView("self_signed"), evidence: { ...evidence, blob } }];
  await using edge = await openEdge({ fleet: { ...fleetOf(), published } });
  const silent = Array.from({ length: ANSWERS_BYTES_MAX / 2 / blob.length }, () => connect(edge.port, "127.0.0.1"));
  for (const socket of silent)
    socket.on("error", () => undefined).write(`GET ${PATH} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  const statusNow = async () => {
    const answer = await edge.get(PATH);
    await answer.arrayBuffer();
    return answer.status;
  };
  await expect.poll(statusNow, { timeout: 10_000 }).toBe(503);
  for (const socket of silent) socket.destroy();
  await expect.poll(statusNow, { timeout: 10_000 }).toBe(200);
});

/** Goal: who needs no key asks for no more than a request may name. Method: both sides of each bound of the query, and one machine more than are told. */
it("bounds what is asked of the machines for a request, and how many are told", async () => {
  const machines = Array.from({ length: 17 }, (_, n) =>
    machineView("self_signed", { providerId: `prov_${n}` as MachineView["providerId"] }),
  );
  await using edge = await openEdge({ fleet: fleetOf(...machines) });
  const asked = (query: string) => edge.get(`${PATH}?${query}`);
  const model = `model=${encodeURIComponent(entry.id)}`;
  const told = await asked(model);
  expect(((await told.json()) as Attestations).providers).toHaveLength(16);
  const serials = (count: number) => `${model}&${"serial=a&".repeat(count).slice(0, -1)}`;
  expect((await asked(serials(64))).status).toBe(200);
  expect((await asked(serials(65))).status).toBe(400);
  expect((await asked(`model=${"m".repeat(256)}`)).status).toBe(404);
  expect((await asked(`model=${"m".repeat(257)}`)).status).toBe(400);
});

/** Goal: a path is read as far as it can name something. Method: the longest id of a receipt and a longer one, by nobody. */
it("knows no path with a parameter that is too long", async () => {
  await using edge = await openEdge();
  const statusOf = async (length: number) => (await edge.get(`/v1/receipts/${"j".repeat(length)}`)).status;
  expect([await statusOf(512), await statusOf(513)]).toEqual([401, 404]);
});
