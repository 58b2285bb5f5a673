import { beforeEach, describe, expect, it } from "vitest";
import {
  FailedKeys,
  RIGHT_KEYS_MAX,
  WRONG_KEY_ADDRESSES_MAX,
  WRONG_KEY_EVERY_MS,
  WRONG_KEYS_BURST,
} from "./failed-keys.ts";

let nowMs = 0;
let keys = new FailedKeys({ monotonicMs: () => nowMs });
beforeEach(() => {
  nowMs = 0;
  keys = new FailedKeys({ monotonicMs: () => nowMs });
});
const fail = (address: string, times: number) => {
  for (let n = 0; n < times; n++) keys.wrong(address, `wrong${n}`);
};

/** Goal: guessing costs an address its turn and nobody else anything. Method: one address guesses, others call. */
describe("wrong keys from one address", () => {
  it("are looked up until there were too many, then one by one as time passes", () => {
    fail("a", WRONG_KEYS_BURST - 1);
    expect(keys.waitSec("a", "x")).toBeUndefined();
    fail("a", 1);
    expect(keys.waitSec("a", "x")).toBe(WRONG_KEY_EVERY_MS / 1000);
    expect(keys.waitSec("b", "x")).toBeUndefined();
    nowMs += WRONG_KEY_EVERY_MS;
    expect(keys.waitSec("a", "x")).toBeUndefined();
    fail("a", 1);
    expect(keys.waitSec("a", "x")).toBeDefined();
  });

  it("do not shut out a key that was right lately, until it is wrong itself", () => {
    keys.right("good");
    fail("a", WRONG_KEYS_BURST);
    expect(keys.waitSec("a", "good")).toBeUndefined();
    keys.wrong("a", "good");
    expect(keys.waitSec("a", "good")).toBeDefined();
  });

  it("are remembered of so many addresses, and right keys so many", () => {
    fail("first", WRONG_KEYS_BURST);
    for (let n = 0; n < WRONG_KEY_ADDRESSES_MAX; n++) fail(`address${n}`, 1);
    expect(keys.size).toBe(WRONG_KEY_ADDRESSES_MAX);
    expect(keys.waitSec("first", "x")).toBeUndefined();
    keys.right("oldest");
    for (let n = 0; n < RIGHT_KEYS_MAX; n++) keys.right(`right${n}`);
    fail("a", WRONG_KEYS_BURST);
    expect(keys.waitSec("a", "oldest")).toBeDefined();
    expect(keys.waitSec("a", "right0")).toBeUndefined();
  });
});
