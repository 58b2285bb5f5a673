import type { AccountId } from "@darkbloom/protocol/ids";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { afterEach, describe, expect, it } from "vitest";
import { openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { noCeiling } from "../accounts/ceilings.ts";
import { tellingPeople, tellingTeams } from "../accounts/telling.ts";
import { MemoryPeople } from "../adapters/memory-people.ts";
import { MemoryTeams } from "../adapters/memory-teams.ts";
import { Changes } from "../events/changes.ts";
import { LIVE_STREAMS_PER_PERSON_MAX } from "./live.ts";

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});

async function coordinator({ changes = new Changes(), ...more }: Parameters<typeof openEdge>[0] = {}) {
  const people = tellingPeople(new MemoryPeople(), changes);
  const edge = await openEdge({ changes, people, ...more });
  const tools = { people, clock: systemClock, random: systemRandom, crypto: nodeCrypto };
  const ends = new AbortController();
  open.push({
    [Symbol.asyncDispose]: async () => {
      ends.abort();
      await edge[Symbol.asyncDispose]();
    },
  });
  const listen = async (headers: Record<string, string>) => {
    const response = await fetch(`${edge.origin}/v1/me/events`, { headers, signal: ends.signal });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    /** The next event, `undefined` at the end; signs of life are passed over. */
    const next = async (): Promise<unknown> => {
      for (;;) {
        const { value } = (await reader?.read()) ?? {};
        if (value === undefined) return undefined;
        const data = /^data: (.*)$/m.exec(value)?.[1];
        if (data !== undefined) return JSON.parse(data);
      }
    };
    return { response, next, cancel: () => reader?.cancel() };
  };
  return { changes, people, tools, listen };
}

/** Goal: a page knows what to ask for again, and nothing else. Method: changes of one's own, of everybody's and of others'. */
describe("changes, live", () => {
  it("tells each person what concerns them, and an operator all", async () => {
    const { changes, tools, listen } = await coordinator();
    const anna = await signIn(tools, personOf("anna"));
    const olga = await signIn(tools, personOf("olga", "operator"));
    const [annas, olgas] = [await listen(anna.bearer), await listen(olga.bearer)];
    expect(annas.response.headers.get("content-type")).toContain("text/event-stream");
    changes.tell("money", personOf("berta").account);
    changes.tell("keys", anna.person.account);
    changes.tell("keys", anna.person.account);
    changes.tell("machines");
    expect(await annas.next()).toEqual(["keys", "machines"]);
    expect(await olgas.next()).toEqual(["money", "keys", "machines"]);
  });

  it("tells of a team whoever is in it, from when they join until they have left", async () => {
    const changes = new Changes();
    const teams = tellingTeams(new MemoryTeams(), changes);
    const { tools, listen } = await coordinator({ changes, teams });
    const account = "acct_lab" as AccountId;
    const anna = await signIn(tools, personOf("anna"));
    const stream = await listen(anna.bearer);
    await teams.add({ account, name: "The lab", ceiling: noCeiling, createdAt: 1 }, personOf("berta").personId);
    changes.tell("money", account);
    await teams.join(account, anna.person.personId, "member", 2);
    expect(await stream.next()).toEqual(["teams"]);
    changes.tell("money", account);
    expect(await stream.next()).toEqual(["money"]);
    await teams.leave(account, anna.person.personId);
    expect(await stream.next()).toEqual(["teams"]);
    changes.tell("money", account);
    changes.tell("keys", anna.person.account);
    expect(await stream.next()).toEqual(["keys"]);
  });

  it("ends with its session, before anything more is told", async () => {
    const { changes, people, tools, listen } = await coordinator();
    const anna = await signIn(tools, personOf("anna"));
    const stream = await listen(anna.bearer);
    await people.endSession(anna.person.personId, anna.session.sessionId);
    changes.tell("machines");
    expect(await stream.next()).toBeUndefined();
  });

  it("ends with the coordinator", async () => {
    const shutdown = new AbortController();
    const { tools, listen } = await coordinator({ shutdown: shutdown.signal });
    const stream = await listen((await signIn(tools, personOf("anna"))).bearer);
    shutdown.abort();
    expect(await stream.next()).toBeUndefined();
  });

  it("is for who is signed in, and for so many pages of theirs", async () => {
    const { tools, listen } = await coordinator();
    expect((await listen({})).response.status).toBe(401);
    const anna = await signIn(tools, personOf("anna"));
    const streams = [];
    for (let n = 0; n < LIVE_STREAMS_PER_PERSON_MAX; n++) streams.push(await listen(anna.bearer));
    expect((await listen(anna.bearer)).response.status).toBe(503);
    expect((await listen((await signIn(tools, personOf("berta"))).bearer)).response.status).toBe(200);
    await streams[0]?.cancel();
    await expect.poll(async () => (await listen(anna.bearer)).response.status).toBe(200);
  });
});
