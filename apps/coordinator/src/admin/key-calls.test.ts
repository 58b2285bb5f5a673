import { expect, it } from "vitest";
import { KEY_OVERLAP_MS_MAX } from "../accounts/key-admin.ts";
import { KeyError, type KeyRefusal } from "../accounts/key-terms.ts";
import { ofKeys } from "./fault.ts";
import { keyCalls } from "./key-calls.ts";

const { body } = keyCalls.rotateKey;

/** Goal: a secret that is replaced goes on for no longer than it may, whoever asks at the socket. Method: each end of the bound, and a step beyond. */
it.each([
  [0, true],
  [KEY_OVERLAP_MS_MAX, true],
  [KEY_OVERLAP_MS_MAX + 1, false],
  [-1, false],
  [0.5, false],
  ["1", false],
])("an overlap of %j is taken: %j", (overlap_ms, isTaken) => {
  expect(body.safeParse({ key_id: "key_1", overlap_ms }).success).toBe(isTaken);
});

/** Goal: no name goes to a database that not every database can look up. Method: each call with a name, empty, too long, and such as PostgreSQL refuses. */
it.each(["", "x".repeat(129), "a\0", "\ud800"])("takes no name like %j", (name) => {
  const bodies = [
    keyCalls.createKey.body.safeParse({ credit_micro_usd: "0", account: name }),
    keyCalls.showKey.body.safeParse({ key_id: name }),
    keyCalls.editKey.body.safeParse({ key_id: name }),
    keyCalls.rotateKey.body.safeParse({ key_id: name, overlap_ms: 0 }),
    keyCalls.revokeKey.body.safeParse({ key_id: name }),
  ];
  expect(bodies.map(({ success }) => success)).toEqual([false, false, false, false, false]);
});

/** Goal: an operator's program learns by a code what was refused. Method: each refusal without a field. */
it.each<[why: Exclude<KeyRefusal["why"], "invalid">, code: string]>([
  ["unknown_key", "unknown_key"],
  ["revoked", "revoked"],
  ["too_many", "too_much"],
])("says of a key that is refused as %s: %s", (why, code) => {
  expect(ofKeys(new KeyError({ why }))).toMatchObject({ name: "AdminError", code });
});
