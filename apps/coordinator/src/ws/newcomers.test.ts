import { describe, expect, it } from "vitest";
import { NEWCOMERS_PER_ADDRESS_MAX } from "../limits/descriptors.ts";
import { Newcomers } from "./newcomers.ts";

function crowd(max: number) {
  const newcomers = new Newcomers(max);
  const ended: string[] = [];
  const add = (bucket: string, name = bucket) => newcomers.add(bucket, () => ended.push(name));
  return { newcomers, ended, add };
}

/** Goal: a crowd that never registers ends its own connections first. Method: crowds of one address and of many. */
describe("who has not registered", () => {
  it("is ended by a further one of its address above the bound, the longest waiting first", () => {
    const { newcomers, ended, add } = crowd(1_000);
    for (let n = 0; n < NEWCOMERS_PER_ADDRESS_MAX; n++) add("a", `a${n}`);
    add("b");
    expect(ended).toEqual([]);
    add("a", "late");
    expect(ended).toEqual(["a0"]);
    expect(newcomers.size).toBe(NEWCOMERS_PER_ADDRESS_MAX + 1);
  });

  it("is ended by one of another address where all are too many, of the largest crowd first", () => {
    const { newcomers, ended, add } = crowd(4);
    for (const name of ["honest", "a", "a", "a"]) add(name);
    add("another");
    expect(ended).toEqual(["a"]);
    expect(newcomers.size).toBe(4);
  });

  it("counts no more once it has registered", () => {
    const { newcomers, ended, add } = crowd(2);
    for (let n = 0; n < 10; n++) add("a")[Symbol.dispose]();
    expect([newcomers.size, ended]).toEqual([0, []]);
  });
});
