import { NetworkError } from "@darkbloom/protocol/failures";
import { describe, expect, it } from "vitest";
import { chatBody, entry, openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { KEY_OVERLAP_MS_MAX, KEYS_PER_ACCOUNT_MAX } from "../accounts/key-admin.ts";
import { KEY_ROWS_MAX } from "../accounts/key-admin.ts";
import { KEY_BODY_BYTES_MAX } from "./keys.ts";

type Edge = Awaited<ReturnType<typeof openEdge>>;
type SignedIn = Awaited<ReturnType<typeof signIn>>;

/** What somebody's session asks for. */
const asking =
  (edge: Edge, { bearer }: SignedIn) =>
  async (method: string, path: string, body?: unknown) => {
    const response = await edge.get(path, {
      method,
      headers: { ...bearer, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as never };
  };

const chatWith = async (edge: Edge, key: string): Promise<number> =>
  (await edge.chat(chatBody(), { authorization: `Bearer ${key}` })).status;

describe("keys of somebody who is signed in", () => {
  /** Goal: a key is made, seen, changed, rotated and revoked, each for the next request, and each stands in the audit log. Method: one key's life over HTTP, and what its secret is good for behind each step. */
  it("live as their owner says", async () => {
    await using edge = await openEdge();
    const anna = await signIn(edge.deps, personOf("anna"));
    const ask = asking(edge, anna);
    const made = await ask("POST", "/v1/keys", { name: "laptop", allowed_models: [entry.id] });
    expect(made).toMatchObject({ status: 200, body: { data: { name: "laptop", account: anna.person.account } } });
    const { key, data } = made.body as { key: string; data: { id: string } };
    const path = `/v1/keys/${data.id}`;
    expect(await chatWith(edge, key)).toBe(200);
    expect(JSON.stringify(await ask("GET", "/v1/keys"))).not.toContain(key);
    expect(await ask("GET", "/v1/keys")).toMatchObject({ body: { data: [{ id: data.id, revoked_at: null }] } });

    expect(await ask("PATCH", path, { disabled: true })).toMatchObject({
      body: { disabled: true, name: "laptop", allowed_models: [entry.id] },
    });
    expect(await chatWith(edge, key)).toBe(401);
    await ask("PATCH", path, { disabled: false });

    const rotated = (await ask("POST", `${path}/rotate`)).body as { key: string };
    expect([await chatWith(edge, key), await chatWith(edge, rotated.key)]).toEqual([401, 200]);
    const again = (await ask("POST", `${path}/rotate`, { overlap_ms: KEY_OVERLAP_MS_MAX })).body as { key: string };
    expect([await chatWith(edge, rotated.key), await chatWith(edge, again.key)]).toEqual([200, 200]);

    expect(await ask("DELETE", path)).toMatchObject({ body: { revoked_at: expect.any(String) } });
    expect([await chatWith(edge, rotated.key), await chatWith(edge, again.key)]).toEqual([401, 401]);
    expect(await ask("GET", path)).toMatchObject({ status: 200, body: { revoked_at: expect.any(String) } });
    for (const [method, at] of [
      ["PATCH", path],
      ["POST", `${path}/rotate`],
    ] as const)
      expect(await ask(method, at, {})).toMatchObject({ status: 409, body: { error: { code: "key_revoked" } } });
    const actions = (await edge.deps.audit.list(9)).map(({ action }) => action);
    expect(actions.toReversed()).toEqual([
      "keys.create",
      "keys.edit",
      "keys.edit",
      "keys.rotate",
      "keys.rotate",
      "keys.revoke",
    ]);
  });

  /** Goal: nobody learns of another's keys, nor touches them, an operator neither. Method: every route on another's id, which is answered as an id that never was. */
  it("are nobody else's", async () => {
    await using edge = await openEdge();
    const anna = asking(edge, await signIn(edge.deps, personOf("anna")));
    const { key, data } = (await anna("POST", "/v1/keys")).body as { key: string; data: { id: string } };
    for (const role of ["member", "operator"] as const) {
      const other = asking(edge, await signIn(edge.deps, personOf(role, role)));
      for (const [method, tail] of [
        ["GET", ""],
        ["PATCH", ""],
        ["DELETE", ""],
        ["POST", "/rotate"],
      ] as const) {
        const [theirs, never] = await Promise.all(
          [data.id, "key_never"].map((id) => other(method, `/v1/keys/${id}${tail}`, method === "GET" ? undefined : {})),
        );
        expect(theirs).toMatchObject({ status: 404, body: { error: { code: "key_not_found" } } });
        expect(theirs).toEqual(never);
      }
      expect((await other("GET", "/v1/keys")).body).toEqual({ data: [], has_more: false });
    }
    expect(await chatWith(edge, key)).toBe(200);
    expect(await edge.deps.audit.list(9)).toHaveLength(1);
  });

  /** Goal: what cannot be is refused with the field's name, and makes nothing. Method: bent bodies. */
  it("are refused by the field", async () => {
    await using edge = await openEdge();
    const ask = asking(edge, await signIn(edge.deps, personOf("anna")));
    for (const [body, param] of [
      [{ name: 7 }, "name"],
      [{ privacy: "none" }, "privacy"],
      [{ expires_at: "2001-01-01T00:00:00Z" }, "expires_at"],
      [{ limit_usd: "a lot" }, "limit_usd"],
      [{ account: "acct_other" }, "key"],
      ["text", "key"],
    ] as const)
      expect(await ask("POST", "/v1/keys", body)).toMatchObject({
        status: 400,
        body: { error: { code: "body_invalid", param } },
      });
    expect(await ask("POST", "/v1/keys", { name: "x".repeat(KEY_BODY_BYTES_MAX) })).toMatchObject({ status: 413 });
    expect((await ask("GET", "/v1/keys")).body).toEqual({ data: [], has_more: false });
    const { data } = (await ask("POST", "/v1/keys", {})).body as { data: { id: string } };
    for (const overlap of [-1, 1.5, KEY_OVERLAP_MS_MAX + 1, "1"])
      expect(await ask("POST", `/v1/keys/${data.id}/rotate`, { overlap_ms: overlap })).toMatchObject({
        status: 400,
        body: { error: { param: "overlap_ms" } },
      });
  });

  /** Goal: who has many keys reads them a page at a time, and nobody reads more at once. Method: pages of keys, behind the last and behind another's, and pages that cannot be. */
  it("are listed in pages", async () => {
    await using edge = await openEdge();
    const [anna, ben] = [
      asking(edge, await signIn(edge.deps, personOf("anna"))),
      asking(edge, await signIn(edge.deps, personOf("ben"))),
    ];
    for (const name of ["one", "two", "three"]) await anna("POST", "/v1/keys", { name });
    const page = async (ask: typeof anna, query: string) =>
      (await ask("GET", `/v1/keys?${query}`)).body as { data: { id: string; name: string }[]; has_more: boolean };
    const first = await page(anna, "limit=2");
    expect(first).toMatchObject({ data: [{ name: "one" }, { name: "two" }], has_more: true });
    const after = `limit=2&after=${first.data[1]?.id}`;
    expect(await page(anna, after)).toMatchObject({ data: [{ name: "three" }], has_more: false });
    for (const [ask, query] of [
      [ben, after],
      [anna, "after=%00"],
    ] as const)
      expect(await page(ask, query)).toEqual({ data: [], has_more: false });
    for (const query of ["limit=0", `limit=${KEY_ROWS_MAX + 1}`, "limit=x", "after=a&after=b"])
      expect(await anna("GET", `/v1/keys?${query}`)).toMatchObject({
        status: 400,
        body: { error: { param: query.split("=", 1)[0] } },
      });
  });

  /** Goal: whoever is disabled while a key is made has no key left. Method: the person is disabled, and all keys revoked, in the moment before the key is there. */
  it("do not outlive their person", async () => {
    await using edge = await openEdge();
    const anna = await signIn(edge.deps, personOf("anna"));
    const add = edge.accounts.add.bind(edge.accounts);
    edge.accounts.add = async (...given) => {
      await edge.deps.people.change(anna.person.personId, { disabledAt: 1 });
      return await add(...given);
    };
    expect(await asking(edge, anna)("POST", "/v1/keys")).toMatchObject({ status: 401 });
    expect((await edge.accounts.list(anna.person.account)).map(({ revokedAt }) => revokedAt)).not.toContain(null);
    expect(await edge.deps.audit.list(9)).toMatchObject([{ action: "keys.revoke" }, { action: "keys.create" }]);
  });

  /** Goal: what cannot be made is told as what it is. Method: an account with as many keys as one may have, and a store that fails. */
  it("are refused in the words of what refuses them", async () => {
    await using edge = await openEdge();
    const anna = await signIn(edge.deps, personOf("anna"));
    edge.accounts.add = async (...[, , liveMax]) => {
      expect(liveMax).toBe(KEYS_PER_ACCOUNT_MAX);
      return false;
    };
    expect(await asking(edge, anna)("POST", "/v1/keys")).toMatchObject({
      body: { error: { code: "keys_too_many", message: expect.stringMatching(/\b1000\b/) } },
    });
    const away = new NetworkError({ code: "storage_unavailable", fault: "away", retryAfterSec: 5 });
    edge.accounts.add = () => Promise.reject(away);
    expect(await asking(edge, anna)("POST", "/v1/keys")).toMatchObject({ status: 503 });
  });
});
