import { describe, expect, it } from "vitest";
import { systemClock } from "@darkbloom/protocol/node";
import { microUsd } from "@darkbloom/protocol/money";
import { openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { unbound } from "../accounts/key-terms.ts";
import { EXPORT_ROWS_MAX } from "../admin/limits.ts";
import { passkey } from "../accounts/passkeys.contract.ts";
import { hash } from "../accounts/people.contract.ts";
import { lab } from "../accounts/teams.contract.ts";
import type { KeyId } from "@darkbloom/protocol/ids";

const anna = personOf("anna");
const otto = personOf("otto", "operator");

/** What is read of answers here. */
interface Answer {
  readonly key: string;
  readonly data: { readonly id: string };
  readonly keys: { readonly data: readonly unknown[]; readonly has_more: boolean };
  readonly obstacles: readonly { readonly words: string }[];
}

/** An edge, Anna and an operator, both signed in. */
async function opened() {
  const edge = await openEdge();
  const annas = await signIn(edge.deps, anna);
  const ottos = await signIn(edge.deps, otto);
  await edge.ledger.credit("credit_1", anna.account, microUsd(5_000_000n), 1);
  const ask = async (method: string, path: string, { bearer }: { bearer: Record<string, string> }, body?: object) => {
    const answer = await fetch(edge.origin + path, {
      method,
      headers: { ...bearer, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, answer, body: (await answer.json()) as Answer };
  };
  const audited = async () =>
    (await edge.deps.audit.list(9)).map(({ actor, action, subject }) => [actor, action, subject]);
  return { ...edge, annas, ottos, ask, audited, [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose]() };
}

const meant = { confirm: anna.account, forfeit_micro_usd: "5000000" };

describe("what is kept about somebody", () => {
  /** Goal: who asks sees all that is kept, without secrets, and nothing of others. Method: one thing of each kind, and another's. */
  it("is told to them", async () => {
    await using at = await opened();
    const { deps, annas, ask } = at;
    const made = await ask("POST", "/v1/keys", annas, { name: "laptop" });
    await ask("POST", "/v1/keys", at.ottos, { name: "otto's" });
    await deps.passkeys.add(passkey(1, { personId: anna.personId }));
    await deps.identities.put({
      issuer: "https://id.example",
      subject: "anna",
      personId: anna.personId,
      createdAt: 1,
      leftAt: null,
    });
    await deps.teams.add(lab, otto.personId);
    await deps.teams.join(lab.account, anna.personId, "member", 5);
    const { status, answer, body } = await ask("GET", "/v1/me/export", annas);
    expect(status).toBe(200);
    expect(answer.headers.get("content-disposition")).toContain("darkbloom-export.json");
    const all = { has_more: false };
    expect(body).toMatchObject({
      person: { id: anna.personId, name: "anna", account: anna.account },
      sessions: { ...all, data: [{ id: annas.session.sessionId, client: "darkbloom on a laptop" }] },
      identities: { ...all, data: [{ issuer: "https://id.example", subject: "anna", left_at: null }] },
      passkeys: { ...all, data: [{ id: passkey(1).passkeyId }] },
      keys: { ...all, data: [{ name: "laptop", account: anna.account }] },
      teams: { ...all, data: [{ account: lab.account, role: "member" }] },
      balances_micro_usd: { granted: "5000000", paid_in: "0" },
      usage: { ...all, data: [] },
      audit: { ...all, data: [{ action: "keys.create" }] },
    });
    const text = JSON.stringify(body);
    for (const secret of [annas.secret, made.body.key]) expect(text).not.toContain(secret);
    expect(text).not.toContain("otto's");
    expect((await at.audited())[0]).toEqual([anna.personId, "people.export", anna.personId]);
  });

  /** Goal: no list is longer than it says, and one that was cut says so. Method: as many keys as are told, then one more. */
  it("is bounded", async () => {
    await using at = await opened();
    const add = (n: number) =>
      at.accounts.add(hash(1_000_000 + n), {
        ...unbound,
        keyId: `key_of_anna_${n}` as KeyId,
        account: anna.account,
        createdBy: anna.personId,
        label: "",
        createdAt: n,
        lastUsedAt: null,
        revokedAt: n,
      });
    for (let n = 1; n <= EXPORT_ROWS_MAX; n++) await add(n);
    const keys = async () => (await at.ask("GET", "/v1/me/export", at.annas)).body.keys;
    expect((await keys()).has_more).toBe(false);
    await add(EXPORT_ROWS_MAX + 1);
    const more = await keys();
    expect([more.data.length, more.has_more]).toEqual([EXPORT_ROWS_MAX, true]);
  });
});

/** Goal: nobody makes a coordinator look through all it has again and again. Method: as many as are allowed, one more, another person, half a minute later. */
it("exports so often and no oftener", async () => {
  const time = { ms: 1_000 };
  const clock = { ...systemClock, monotonicMs: () => time.ms };
  await using edge = await openEdge({ clock });
  const [one, other] = [await signIn(edge.deps, personOf("one")), await signIn(edge.deps, personOf("other"))];
  const asked = async ({ bearer } = one) => (await edge.get("/v1/me/export", { headers: bearer })).status;
  expect([await asked(), await asked(), await asked(), await asked()]).toEqual([200, 200, 200, 429]);
  expect(await asked(other)).toBe(200);
  time.ms += 30_000;
  expect([await asked(), await asked()]).toEqual([200, 429]);
});

describe("erasing oneself", () => {
  /** Goal: it is told before, must be meant, and is whole with its answer. Method: the plan, four ways not to mean it, then the real one, and what the session, the key and the mailbox are good for afterwards. */
  it("is meant, and for good", async () => {
    await using at = await opened();
    const { annas, ask } = at;
    const made = await ask("POST", "/v1/keys", annas, { name: "laptop" });
    const plan = await ask("GET", "/v1/me/erasure", annas);
    expect(plan.body).toEqual({
      person_id: anna.personId,
      account: anna.account,
      obstacles: [],
      forfeit_micro_usd: "5000000",
      forfeit_usd: "5.000000",
      keys: 1,
      machines: 0,
      teams: 0,
    });
    for (const [body, code] of [
      [{}, "body_invalid"],
      [{ confirm: anna.account }, "erasure_refused"],
      [{ ...meant, confirm: otto.account }, "erasure_refused"],
      [{ ...meant, forfeit_micro_usd: "-5000000" }, "body_invalid"],
    ] as const)
      expect((await ask("POST", "/v1/me/erase", annas, body)).body).toMatchObject({ error: { code } });
    const { body, status, answer } = await ask("POST", "/v1/me/erase", annas, meant);
    expect([status, body]).toEqual([200, { account: anna.account, erased: true, forfeited_micro_usd: "5000000" }]);
    expect(answer.headers.getSetCookie()).toEqual([expect.stringMatching(/^darkbloom-\d+=; .*Max-Age=0/)]);
    expect((await ask("GET", "/v1/me", annas)).body).toMatchObject({ error: { code: "session_invalid" } });
    const bearer = { authorization: `Bearer ${made.body.key}` };
    expect((await ask("GET", "/v1/key", { bearer })).body).toMatchObject({ error: { code: "key_invalid" } });
    expect(await at.people.person(anna.personId)).toMatchObject({ name: "", mail: null });
    const key = made.body.data.id;
    expect((await at.audited()).slice(0, 2)).toEqual([
      [anna.personId, "keys.revoke", key],
      [anna.personId, "people.erase", anna.personId],
    ]);
  });

  /** Goal: what stands in the way is said in the plan and refuses, in the same words. Method: a debt. */
  it("is refused while something stands in the way", async () => {
    await using at = await opened();
    await at.ledger.book("d", { kind: "dispute", account: anna.account, amount: 2n }, 1);
    const { body } = await at.ask("GET", "/v1/me/erasure", at.annas);
    expect(body.obstacles).toMatchObject([{ obstacle: "debt", words: expect.stringContaining("owes 0.000002 USD") }]);
    const refused = await at.ask("POST", "/v1/me/erase", at.annas, meant);
    expect(refused).toMatchObject({
      status: 409,
      body: {
        error: { code: "erasure_refused", message: body.obstacles[0]?.words },
      },
    });
    expect((await at.ask("GET", "/v1/me", at.annas)).status).toBe(200);
  });
});

describe("an operator and somebody who leaves", () => {
  /** Goal: an operator does the same for another, with a reason that stays in the audit log. Method: export, plan and erasure, without a reason first; then the same person again, and let in again. */
  it("exports and erases with a reason", async () => {
    await using at = await opened();
    const { ask, ottos } = at;
    const query = `?person_id=${anna.personId}`;
    expect((await ask("GET", `/v1/admin/people/export${query}`, ottos)).body).toMatchObject({
      error: { code: "body_invalid" },
    });
    const kept = await ask("GET", `/v1/admin/people/export${query}&reason=law`, ottos);
    expect(kept.body).toMatchObject({ person: { id: anna.personId, name: "anna" } });
    expect((await ask("GET", `/v1/admin/people/erasure${query}`, ottos)).body).toMatchObject({
      account: anna.account,
      forfeit_micro_usd: "5000000",
    });
    const erase = { person_id: anna.personId, ...meant, reason: "left" };
    expect(await ask("POST", "/v1/admin/people/erase", ottos, { ...erase, forfeit_micro_usd: "0" })).toMatchObject({
      status: 409,
      body: { error: { code: "unconfirmed", message: expect.stringContaining("5000000 micro-USD (5.000000 USD)") } },
    });
    for (let twice = 0; twice < 2; twice++) {
      const { body } = await ask("POST", "/v1/admin/people/erase", ottos, erase);
      expect(body).toMatchObject({ person_id: anna.personId, name: "", mail: null, forfeited_micro_usd: "5000000" });
    }
    expect(await at.audited()).toEqual([
      [otto.personId, "people.erase", `${anna.personId}/left`],
      [otto.personId, "people.erase", `${anna.personId}/left`],
      [otto.personId, "people.export", `${anna.personId}/law`],
    ]);
    expect(await ask("POST", "/v1/admin/people/enable", ottos, { person_id: anna.personId })).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining("was erased") } },
    });
    expect(await ask("GET", "/v1/admin/people/erasure?person_id=person_nobody", ottos)).toMatchObject({
      status: 404,
      body: { error: { code: "unknown_person" } },
    });
  });

  /** Goal: a network keeps one operator. Method: the only one, erased by themselves and through the operators' route. */
  it("keeps the last operator", async () => {
    await using at = await opened();
    const confirm = { confirm: otto.account };
    expect((await at.ask("POST", "/v1/me/erase", at.ottos, confirm)).body).toMatchObject({
      error: { code: "erasure_refused", message: expect.stringContaining("only operator") },
    });
    const body = { person_id: otto.personId, ...confirm, reason: "left" };
    expect((await at.ask("POST", "/v1/admin/people/erase", at.ottos, body)).body).toMatchObject({
      error: { code: "in_the_way" },
    });
  });
});
