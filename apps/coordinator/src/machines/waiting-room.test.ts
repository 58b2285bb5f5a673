import type { AccountId } from "@darkbloom/protocol/ids";
import { beforeEach, describe, expect, it } from "vitest";
import {
  WAITING_BYTES_MAX,
  WAITING_BYTES_PER_ACCOUNT_MAX,
  WAITING_PER_ACCOUNT_MAX,
  WAITING_PER_MODEL_MAX,
  WaitingRoom,
  type Waiting,
} from "./waiting-room.ts";

interface Named extends Waiting {
  readonly name: string;
}
let room: WaitingRoom<Named>;
beforeEach(() => void (room = new WaitingRoom()));

const one = (name: string, account: string, more: Partial<Waiting> = {}): Named => ({
  name,
  account: account as AccountId,
  build: "m",
  bytes: 1,
  startedMs: 0,
  ...more,
});
const enter = (...waiters: Named[]) => waiters.map((waiter) => room.enter(waiter).isIn);
const order = (build = "m") => Array.from(room.inTurn(build), ({ name }) => name);

describe("the order", () => {
  it("takes one of each account, round by round", () => {
    enter(one("a1", "a"), one("a2", "a"), one("a3", "a"), one("b1", "b"), one("b2", "b"), one("c1", "c"));
    expect(order()).toEqual(["a1", "b1", "c1", "a2", "b2", "a3"]);
  });

  it("goes on with the next account after one was served", () => {
    const first = one("a1", "a");
    enter(first, one("a2", "a"), one("b1", "b"));
    room.hadTurn(first);
    room.leave(first);
    expect(order()).toEqual(["b1", "a2"]);
  });

  it("does not change for one who does not wait", () => {
    room.hadTurn(one("z1", "z"));
    expect([room.isAwaited("m"), [...room.builds()]]).toEqual([false, []]);
    enter(one("a1", "a"), one("b1", "b"));
    room.hadTurn(one("z1", "z"));
    expect(order()).toEqual(["a1", "b1"]);
  });

  it("does not change for one who leaves", () => {
    const first = one("a1", "a");
    enter(first, one("a2", "a"), one("b1", "b"));
    room.leave(first);
    expect(order()).toEqual(["a2", "b1"]);
  });

  it("ends where nobody waits", () => {
    const [first, second] = [one("a1", "a"), one("b1", "b")];
    enter(first, second);
    for (const waiter of [first, second]) {
      expect([room.isAwaited("m"), [...room.builds()]]).toEqual([true, ["m"]]);
      room.leave(waiter);
    }
    expect([room.isAwaited("m"), [...room.builds()]]).toEqual([false, []]);
  });

  it("is each build's own", () => {
    enter(one("a1", "a"), one("b1", "b", { build: "other" }));
    expect([order(), order("other"), order("third")]).toEqual([["a1"], ["b1"], []]);
    expect(["m", "other", "third"].map((build) => room.isAwaited(build))).toEqual([true, true, false]);
  });
});

describe("the walls", () => {
  const many = (count: number, account: string, more: Partial<Waiting> = {}) =>
    Array.from({ length: count }, (_, n) => one(`${account}${n}`, account, more));
  const full = () => enter(...["a", "b", "c", "d"].flatMap((name) => many(WAITING_PER_ACCOUNT_MAX, name)));

  it("hold so many of one account for one model", () => {
    enter(...many(WAITING_PER_ACCOUNT_MAX, "a"));
    expect(enter(one("more", "a"), one("other", "a", { build: "other" }))).toEqual([false, true]);
  });

  it("hold so many for one model", () => {
    expect(full().every(Boolean)).toBe(true);
    expect(room.size).toBe(WAITING_PER_MODEL_MAX);
    expect(enter(one("other", "e", { build: "other" }))).toEqual([true]);
  });

  it("make room for an account with fewer, by the newest of the one with most", () => {
    full();
    const { isIn, displaced } = room.enter(one("late", "e"));
    expect([isIn, displaced?.name, room.size]).toEqual([
      true,
      `a${WAITING_PER_ACCOUNT_MAX - 1}`,
      WAITING_PER_MODEL_MAX,
    ]);
    expect(order()).toContain("late");
    expect(order()).not.toContain(displaced?.name);
  });

  it("make no room where that would only change places", () => {
    for (let n = 0; n < WAITING_PER_MODEL_MAX / 2; n++) enter(...many(2, `account${n}`));
    expect(enter(one("third", "account0"), one("first", "new"), one("second", "new"))).toEqual([false, true, false]);
    expect(room.size).toBe(WAITING_PER_MODEL_MAX);
    expect(order()).not.toContain("second");
  });

  it("hold so many bytes of one account, and of all", () => {
    const each = WAITING_BYTES_PER_ACCOUNT_MAX;
    const large = one("a0", "a", { bytes: each });
    expect(enter(large, one("more", "a", { bytes: 1 }))).toEqual([true, false]);
    expect(enter(...["b", "c", "d"].map((name) => one(name, name, { bytes: each })))).toEqual([true, true, true]);
    expect(4 * each).toBe(WAITING_BYTES_MAX);
    expect(enter(one("e", "e", { bytes: 1 }))).toEqual([false]);
    room.leave(large);
    expect(enter(one("again", "a", { bytes: each }))).toEqual([true]);
  });

  it("count nobody twice who leaves twice", () => {
    const waiter = one("a", "a");
    enter(waiter, one("b", "b"));
    room.leave(waiter);
    room.leave(waiter);
    expect(room.size).toBe(1);
  });
});
