import { createDarkbloom, type Outcome, type Verification } from "@darkbloom/client";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anthropic } from "./clients/anthropic.ts";
import { BusyNetwork } from "./clients/busy-network.ts";
import { type At, type Client, type Feature, model, question, type World } from "./clients/client.ts";
import { Front } from "./clients/front.ts";
import { openaiChat, openaiCompletions, openaiResponses } from "./clients/openai.ts";
import { Shapes } from "./clients/shapes.ts";
import { Folder, get, Program, until } from "./running.ts";

/**
 * Goal: the official SDKs do through `@darkbloom/client` what they do without it. Method: the same suite, against the running
 * program, with a policy that pins the coordinator's key and demands the log; and of every answer what was checked.
 */
const clients: readonly Client[] = [openaiChat, openaiResponses, openaiCompletions, anthropic];

const folder = new Folder();
const shapes = new Shapes();
const verifications: Verification[] = [];
let program: Program;
let front: Front;
let busy: BusyNetwork;
let world: World;
let keys: readonly string[];

/** How a feature's answers end, where it is not in a verified one. */
const ends: Partial<Record<Feature, Outcome>> = { abort: "left", errors: "failed" };

/** What the library itself says where the coordinator would: before anything is sent, of a network without a machine and of no model of its. */
const awaited: Partial<Record<Feature, readonly string[]>> = {
  retry: ["no_machine", "evidence_stale"],
  errors: ["model_unknown"],
};

/** A client as a program makes it, for one place. */
const through = (mode: Mode, { url: baseURL, apiKey }: At, isKnown = false) =>
  createDarkbloom({
    baseURL,
    apiKey,
    policy: { mode, minTrust: "self_signed", ...(isKnown && { coordinatorKeys: keys, log: {} }) },
    onVerified: (verification) => void verifications.push(verification),
  });

beforeAll(async () => {
  program = new Program(["up", "--port", "0", "--data", `${folder.path}/up`]);
  const ready = await program.ready;
  front = await Front.listen(ready.base_url, shapes);
  busy = await BusyNetwork.start(folder.path, shapes);
  const known = await get(ready, "/.well-known/darkbloom");
  keys = (known["coordinator_keys"] as { public_key: string }[]).map(({ public_key }) => public_key);
  const at = { url: front.url, apiKey: ready.api_key };
  await until(async () => (await get(ready, "/.well-known/darkbloom"))["log"] !== undefined, 5_000);
  world = {
    ...at,
    busy,
    callerGone: () =>
      until(async () => {
        const { usage } = (await get(ready, "/v1/payments/usage?limit=1")) as { usage: { outcome: string }[] };
        return usage[0]?.outcome === "caller_gone";
      }, 2_000),
  };
}, 180_000);
afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await busy[Symbol.asyncDispose]();
  await program[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const modes = ["sealed", "transparent"] as const;
type Mode = (typeof modes)[number];
const rows = modes.flatMap((mode) => clients.map((client) => ({ mode, name: client.name, client })));

describe.each(rows)("$name through @darkbloom/client, $mode", ({ mode, client }) => {
  let asking: Pick<World, "fetch" | "through">;
  beforeAll(() => {
    asking = { fetch: through(mode, world, true).fetch, through: (place) => through(mode, place).fetch };
  });
  for (const [feature, run] of Object.entries(client.runs) as [Feature, (at: World) => Promise<void>][])
    it(feature, async () => {
      const faultsBefore = shapes.faults.length;
      verifications.length = 0;
      await run({ ...world, ...asking });
      expect(shapes.faults.slice(faultsBefore)).toEqual([]);
      const refused = verifications.flatMap(({ error }) => error?.code ?? []);
      expect(refused.filter((code) => !awaited[feature]?.includes(code))).toEqual([]);
      const outcomes = verifications.map(({ outcome }) => outcome);
      if (feature !== "models") expect(outcomes).toContain(ends[feature] ?? "verified");
    });
});

/** Goal: two lines make a client, and an answer brings its document along. Method: as the README has it. */
it("gives an SDK's constructor what it takes, and each response its verification", async () => {
  const darkbloom = through("sealed", world, true);
  const openai = new OpenAI({ ...darkbloom.openai, maxRetries: 0 });
  const ask = { model, messages: [{ role: "user" as const, content: question }] };
  const { response } = await openai.chat.completions.create(ask).withResponse();
  const verification = await darkbloom.verificationOf(response);
  expect(verification).toMatchObject({ outcome: "verified", mode: "sealed", model, machine: { level: "self_signed" } });
  expect(verification.steps.filter(({ status }) => status === "fail")).toEqual([]);
  expect(verification.steps).toContainEqual(
    expect.objectContaining({ id: "coordinator.key", source: "verifier", status: "pass" }),
  );
  expect(verification.steps).toContainEqual(expect.objectContaining({ id: "log.keys", status: "pass" }));
  expect(() => darkbloom.verificationOf(new Response())).toThrow(RangeError);
});

/** Goal: what is refused is the SDK's own error with a sentence and a code, and is not tried again. Method: a policy that nobody meets. */
it("tells an SDK's user what to do", async () => {
  const darkbloom = createDarkbloom({
    baseURL: world.url,
    apiKey: world.apiKey,
  });
  const openai = new OpenAI(darkbloom.openai);
  const before = front.statuses.length;
  const refused = openai.chat.completions.create({ model, messages: [{ role: "user", content: question }] });
  await expect(refused).rejects.toMatchObject({
    status: 403,
    code: "policy_unmet",
    message: expect.stringContaining("is below the policy's minTrust"),
  });
  expect(front.statuses.slice(before)).toEqual([200, 200]);
});
