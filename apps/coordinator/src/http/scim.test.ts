import type { PersonId } from "@darkbloom/protocol/ids";
import { expect, it } from "vitest";
import { chatBody, openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { SCIM_ROWS_MAX } from "./scim.ts";

/** An edge with a token for people, and what a directory asks with it. */
async function opened() {
  const edge = await openEdge();
  const { secret } = await edge.deps
    .adminFor("socket")
    .createToken({ name: "okta", scopes: ["people:write"], days: 1 });
  const ask = async (method: string, path: string, body?: unknown) => {
    const response = await edge.get(`/scim/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/scim+json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      body: (await response.json()) as never,
    };
  };
  return { edge, ask, [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose]() };
}
const patchOf = (...Operations: object[]) => ({
  schemas: ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
  Operations,
});

/** RFC 7643 §8.1, and what an enterprise directory adds to it. */
const bjensen = {
  schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"],
  userName: "bjensen@example.com",
  externalId: "bjensen",
  name: { formatted: "Ms. Barbara J Jensen III", familyName: "Jensen", givenName: "Barbara" },
  displayName: "Babs Jensen",
  emails: [{ value: "bjensen@example.com", type: "work", primary: true }],
};

/** Goal: a directory makes people and finds them again, in the RFCs' shapes. Method: RFC 7643's example made, found by filter in another case, shown, listed in pages, and made again. */
it("makes and finds people", async () => {
  await using test = await opened();
  const { ask } = test;
  const made = await ask("POST", "/Users", bjensen);
  expect(made).toMatchObject({
    status: 201,
    type: "application/scim+json; charset=utf-8",
    body: {
      schemas: bjensen.schemas,
      id: expect.stringMatching(/^person_/),
      userName: bjensen.userName,
      displayName: "Babs Jensen",
      emails: [{ value: bjensen.userName, primary: true }],
      active: true,
      meta: { resourceType: "User", location: expect.stringContaining("/scim/v2/Users/person_") },
    },
  });
  const { id } = made.body as { id: string };
  const filtered = `/Users?filter=${encodeURIComponent('userName eq "BJensen@Example.com"')}`;
  expect(await ask("GET", filtered)).toMatchObject({
    status: 200,
    body: {
      schemas: ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
      totalResults: 1,
      startIndex: 1,
      itemsPerPage: 1,
      Resources: [{ id }],
    },
  });
  expect(await ask("GET", `/Users/${id}`)).toEqual({ ...made, status: 200 });
  const refused = { schemas: ["urn:ietf:params:scim:api:messages:2.0:Error"], status: "409", scimType: "uniqueness" };
  expect(await ask("POST", "/Users", bjensen)).toMatchObject({ status: 409, body: refused });
  for (let n = 0; n < SCIM_ROWS_MAX; n++) await test.edge.people.add({ ...personOf(`p${n}`), createdAt: n });
  const counted = async (query: string) => {
    const { totalResults, itemsPerPage } = (await ask("GET", `/Users?${query}`)).body as Record<string, number>;
    return [totalResults, itemsPerPage];
  };
  expect(await counted("count=1000")).toEqual([SCIM_ROWS_MAX + 1, SCIM_ROWS_MAX]);
  expect(await counted(`startIndex=${SCIM_ROWS_MAX}&count=5`)).toEqual([SCIM_ROWS_MAX + 1, 2]);
  expect(await counted("count=0")).toEqual([SCIM_ROWS_MAX + 1, 0]);
});

/** Goal: whoever a directory lets go can do nothing from the very next request on. Method: as Okta, Entra and a replacement say it, each with a session and a key that were good before; and let in again. */
it.each<[string, "PATCH" | "PUT", (active: boolean) => object]>([
  ["Okta", "PATCH", (active) => patchOf({ op: "replace", value: { active } })],
  ["Entra", "PATCH", (active) => patchOf({ op: "Replace", path: "active", value: active ? "True" : "False" })],
  ["a replacement", "PUT", (active) => ({ ...bjensen, active })],
])("lets people out and in again: %s", async (_who, method, body) => {
  await using test = await opened();
  const { edge, ask } = test;
  const person = { ...personOf("babs"), mail: bjensen.userName };
  const babs = await signIn(edge.deps, person);
  const made = await edge.get("/v1/keys", { method: "POST", headers: babs.bearer, body: "{}" });
  const { key } = (await made.json()) as { key: string };
  const statuses = async () => [
    (await edge.chat(chatBody(), { authorization: `Bearer ${key}` })).status,
    (await edge.get("/v1/me", { headers: babs.bearer })).status,
  ];
  expect(await statuses()).toEqual([200, 200]);
  expect(await ask(method, `/Users/${person.personId}`, body(false))).toMatchObject({
    status: 200,
    body: { active: false },
  });
  expect(await statuses()).toEqual([401, 401]);
  expect(await ask(method, `/Users/${person.personId}`, body(true))).toMatchObject({
    status: 200,
    body: { active: true },
  });
  expect(await statuses()).toEqual([401, 401]);
  expect((await edge.people.person(person.personId))?.disabledAt).toBeNull();
  const actors = (await edge.deps.audit.list(3)).map(({ actor }) => actor);
  expect(new Set(actors).size).toBe(1);
  expect(actors[0]).toMatch(/^token_/);
});

/** Goal: what is wrong is told in SCIM's words, or in ours where nobody is let in. Method: filters, bodies and ids that are not; and a token that is none. */
it("refuses what is not valid", async () => {
  await using test = await opened();
  const { ask } = test;
  expect(await ask("GET", "/Users?filter=title%20pr")).toMatchObject({
    status: 400,
    body: { scimType: "invalidFilter" },
  });
  expect(await ask("GET", "/Users?count=x")).toMatchObject({ status: 400, body: { scimType: "invalidValue" } });
  for (const id of ["person_nobody", "a%00b"])
    expect(await ask("GET", `/Users/${id}`)).toMatchObject({ status: 404, body: { status: "404" } });
  const { id } = (await ask("POST", "/Users", bjensen)).body as { id: string };
  for (const body of [{}, { ...bjensen, userName: "bjensen" }, { ...bjensen, active: "yes" }])
    expect((await ask("POST", "/Users", body)).status).toBe(400);
  expect((await ask("PATCH", `/Users/${id}`, patchOf({ op: "remove", path: "active" }))).status).toBe(400);
  expect((await ask("PATCH", `/Users/${id}`, patchOf({ op: "replace", path: "active", value: 5 }))).status).toBe(400);
  expect(await ask("PUT", `/Users/${id}`, { ...bjensen, userName: "other@example.com" })).toMatchObject({
    status: 400,
    body: { scimType: "mutability" },
  });
  expect(await ask("GET", "/ServiceProviderConfig")).toMatchObject({
    status: 200,
    body: {
      patch: { supported: true },
      bulk: { supported: false },
      filter: { supported: true, maxResults: SCIM_ROWS_MAX },
    },
  });
  expect((await test.edge.get("/scim/v2/Users", { headers: { authorization: "Bearer x" } })).status).toBe(403);
});

/** Goal: whoever was erased is nobody to a directory, which may make them anew; and nobody is made without a name, as only those are. Method: made with an empty name, disabled, erased; each route. */
it("finds nobody who was erased", async () => {
  await using test = await opened();
  const { ask, edge } = test;
  const made = await ask("POST", "/Users", { ...bjensen, displayName: "", active: false });
  expect(made).toMatchObject({ status: 201, body: { displayName: bjensen.userName, active: false } });
  const { id } = made.body as { id: PersonId };
  expect((await ask("GET", `/Users/${id}`)).status).toBe(200);
  await edge.people.erase(id, 5);
  expect((await ask("GET", "/Users")).body).toMatchObject({ totalResults: 0 });
  const patch = patchOf({ op: "replace", path: "active", value: true });
  const answers = [
    await ask("GET", `/Users/${id}`),
    await ask("PATCH", `/Users/${id}`, patch),
    await ask("PUT", `/Users/${id}`, bjensen),
  ];
  expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
  expect((await ask("POST", "/Users", bjensen)).status).toBe(201);
});
