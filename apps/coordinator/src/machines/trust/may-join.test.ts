import { expect, it } from "vitest";
import { mayJoin } from "./may-join.ts";

const SECRET = "s".repeat(43);
const TOKEN = "the operator's token";

/** As the real one, it takes texts alone. */
const isSame = (one: string, other: string): boolean => one.length === other.length && one === other;

/** Goal: an address opens the door only where the operator has opened no other. Method: every combination. */
it.each<[token: string | undefined, trustProxy: boolean, shown: string | undefined, isLocal: boolean, may: boolean]>([
  [undefined, false, undefined, true, true],
  [undefined, false, "anything", true, true],
  [undefined, false, undefined, false, false],
  [undefined, false, SECRET, false, true],
  [undefined, false, "", false, false],
  [undefined, false, "undefined", false, false],
  [undefined, true, undefined, true, false],
  [undefined, true, undefined, false, false],
  [undefined, true, SECRET, false, true],
  [TOKEN, false, undefined, true, false],
  [TOKEN, false, "another", true, false],
  [TOKEN, false, TOKEN.toUpperCase(), true, false],
  [TOKEN, false, `${TOKEN} `, true, false],
  [TOKEN, false, "", true, false],
  [undefined, false, SECRET.toUpperCase(), false, false],
  [undefined, true, "", true, false],
  [TOKEN, false, TOKEN, true, true],
  [TOKEN, false, TOKEN, false, true],
  [TOKEN, false, SECRET, true, true],
  [TOKEN, true, undefined, true, false],
  [TOKEN, true, TOKEN, false, true],
  [TOKEN, true, SECRET, false, true],
])("token %s, trusted proxy %s, shown %s, local %s: may join %s", (joinToken, trustProxy, shown, isLocal, may) =>
  expect(mayJoin({ joinToken, trustProxy, localSecret: SECRET, isSame }, shown, isLocal)).toBe(may),
);
