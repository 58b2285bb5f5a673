import { endpoints } from "@darkbloom/protocol/endpoints";
import { questionFor } from "@darkbloom/testkit";
import { expect, it } from "vitest";
import { stepsThat, World } from "./world.ts";

const plainOnly = ["/v1/messages/count_tokens", "/v1/embeddings", "/v1/responses/compact"];
const rows = endpoints.flatMap((endpoint) =>
  (plainOnly.includes(endpoint) ? [false] : [true, false]).map((stream) => [endpoint, stream] as const),
);

/** Goal: every endpoint's answer comes out as it came, with everything about it shown. Method: one question each, and its document. */
it.each(rows)("verifies an answer of %s, stream %s", async (path, stream) => {
  await using world = await World.open();
  const client = world.client();
  const { response, text, verification, broke } = await world.ask(client, {
    path,
    said: { messages: undefined, ...questionFor(path, { ...(stream && { stream }) }) },
  });
  expect([response.status, broke]).toEqual([200, undefined]);
  expect(verification).toMatchObject({ outcome: "verified", endpoint: path, status: 200, mode: "transparent" });
  expect(stepsThat("fail", verification)).toEqual([]);
  expect(stepsThat("pass", verification)).toEqual(
    expect.arrayContaining([
      "answer.whole",
      "receipt.signature",
      "receipt.countersignature",
      "receipt.request",
      "receipt.response",
      "receipt.nonce",
      "receipt.identity",
      "receipt.weights",
      "machine.accepted",
      "blob.signature",
      "challenge.signature",
    ]),
  );
  expect(verification.machine).toMatchObject({ level: "self_signed" });
  expect(verification.steps.find(({ id }) => id === "coordinator.key")?.source).toBe("coordinator");
  expect(text).toContain(stream ? ": darkbloom-receipt " : "{");
  expect(world.verifications).toEqual([verification]);
});

/**
 * Goal: a usual request costs no round trip beside itself. Method: count what leaves the client: at first, then often, then
 * while the evidence nears its end, and after it has ended unused.
 */
it("asks for evidence once, and again ahead of its end", async () => {
  await using world = await World.open();
  const client = world.client();
  const attestation = "GET /v1/providers/attestation";
  const question = "POST /v1/chat/completions";
  await world.ask(client);
  expect(world.sent.toSorted()).toEqual(["GET /.well-known/darkbloom", attestation, question]);

  world.sent.length = 0;
  for (let times = 0; times < 10; times++) await world.ask(client, { said: { stream: times % 2 === 0 } });
  expect(world.sent).toEqual(Array.from({ length: 10 }, () => question));

  // It is fetched anew while the old one serves: the answer does not wait for a list that never comes.
  await world.net.clock.advance(12.5 * 60_000);
  world.sent.length = 0;
  world.meddle = (path, answer) => (path.endsWith("/attestation") ? new Promise(() => {}) : answer());
  expect((await world.ask(client)).verification.outcome).toBe("verified");
  expect(world.sent).toEqual([attestation, question]);
  world.meddle = (_, answer) => answer();
});

/** Goal: an evidence that has ended is waited for. Method: nobody asks until it has; then one question. */
it("waits for evidence anew where it has ended unused", async () => {
  await using world = await World.open();
  const client = world.client();
  await world.ask(client);
  await world.net.clock.advance(20 * 60_000);
  world.sent.length = 0;
  expect((await world.ask(client)).verification.outcome).toBe("verified");
  expect(world.sent).toEqual(["GET /v1/providers/attestation", "POST /v1/chat/completions"]);
});

/** Goal: what asks for nothing confidential goes through, and nothing else does. Method: a look, and two that bring something along. */
it("passes on what only looks, and sends nothing that cannot be checked", async () => {
  await using world = await World.open();
  const client = world.client();
  const models = await world.net.during(client.fetch(`${world.baseURL}/v1/models`).then((answer) => answer.json()));
  expect(models).toMatchObject({ data: [{ id: "scripted" }] });
  const refused = async (url: string, init: RequestInit) => {
    const response = await client.fetch(url, init);
    return [response.status, response.headers.get("x-darkbloom-error"), response.headers.get("x-should-retry")];
  };
  const audio = { method: "POST", body: "secret" };
  expect(await refused(`${world.baseURL}/v1/audio/transcriptions`, audio)).toEqual([404, "route_unknown", "false"]);
  expect(await refused("http://other.example/v1/models", {})).toEqual([400, "address_foreign", "false"]);
  expect(await refused(`${world.baseURL}/v1/chat/completions`, audio)).toEqual([400, "body_unreadable", "false"]);
  expect(world.sent).toEqual(["GET /v1/models"]);
});

/** Goal: a program's own pins and nonce stay. Method: pinned by the policy, with and without words of its own. */
it("has only pinned machines asked, and keeps the rest of the body", async () => {
  await using world = await World.open();
  const [{ serial } = { serial: "" }] = world.net.fleet.machines();
  const bodies: string[] = [];
  world.meddle = (_path, answer, { body }) => {
    if (body) bodies.push(new TextDecoder().decode(body as Uint8Array));
    return answer();
  };
  const client = world.client({ pins: [serial] });
  const { verification } = await world.ask(client, { headers: { "x-darkbloom-nonce": "mine" } });
  expect(verification).toMatchObject({ outcome: "verified", receipt: { receipt: { nonce: "mine" } } });
  expect(JSON.parse(bodies[0] ?? "")).toMatchObject({ provider_serials: [serial], model: "scripted" });
  await world.ask(client, { said: { provider_serial: serial } });
  expect(bodies[1]).not.toContain("provider_serials");
  const other = await world.ask(client, { said: { provider_serial: "SW-OTHER" } });
  expect([other.response.status, other.verification.error?.code, bodies.length]).toEqual([
    400,
    "policy_contradicted",
    2,
  ]);
  await world.ask(client, { said: { provider_serial: null, provider_serials: null } });
  expect(JSON.parse(bodies[2] ?? "")).toMatchObject({ provider_serial: null, provider_serials: [serial] });
});

/** Goal: what was left has its receipt. Method: a stream that is left after its first event, and what the coordinator keeps of it. */
it("fetches the receipt of an answer that was left", async () => {
  await using world = await World.open({ pieces: Array.from({ length: 50 }, () => " word"), tokenMs: 50 });
  const client = world.client();
  const response = await world.net.during(
    client.fetch(`${world.baseURL}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "scripted", stream: true, messages: [{ role: "user", content: "Hi" }] }),
    }),
  );
  const reader = response.body?.getReader();
  await world.net.during(Promise.resolve(reader?.read()));
  await reader?.cancel();
  const left = await client.verificationOf(response);
  expect(left).toMatchObject({ outcome: "left" });
  const kept = await world.net.during(client.receiptOf(left.jobId ?? ""), 20);
  expect(kept).toMatchObject({
    outcome: "left",
    jobId: left.jobId,
    receipt: { receipt: { finish_reason: "cancelled", job_id: left.jobId } },
  });
  expect(stepsThat("fail", kept ?? left)).toEqual([]);
});

/** Goal: who asks for nothing gets it under a name that says so. Method: a machine that has answered no challenge. */
it("asks for no level at all through the unsafe door alone", async () => {
  await using world = await World.open();
  world.meddle = async (path, answer) => {
    const response = await answer();
    if (!path.endsWith("/attestation")) return response;
    const { providers } = (await response.json()) as { providers: { evidence: object; trust_level: string }[] };
    for (const one of providers) {
      Object.assign(one.evidence, { challenge: undefined });
      one.trust_level = "none";
    }
    return Response.json({ providers });
  };
  expect((await world.ask(world.client())).verification.error?.code).toBe("evidence_stale");
  expect((await world.ask(world.client({ minTrust: "none" }))).verification).toMatchObject({
    outcome: "verified",
    machine: { level: "none" },
  });
});

/** Goal: a program that leaves takes its request along. Method: what is sent with a signal, and without one. */
it.each([["sealed"], ["transparent"]] as const)(
  "sends an answer's request with its program's signal, %s",
  async (mode) => {
    await using world = await World.open();
    const signals: unknown[] = [];
    world.meddle = (path, answer, init) => {
      if (path === "/v1/chat/completions") signals.push("signal" in init && init.signal);
      return answer();
    };
    const client = world.client({ mode });
    const { signal } = new AbortController();
    const body = JSON.stringify({ model: "scripted", messages: [{ role: "user", content: "Hi" }] });
    for (const more of [{}, { signal }])
      await world.net.during(client.fetch(`${world.baseURL}/v1/chat/completions`, { method: "POST", body, ...more }));
    expect(signals).toEqual([false, signal]);
  },
);
