import { describe, expect, it } from "vitest";
import { distrustedFor } from "./standing.ts";
import { MachineRecords, RECORDS_MAX } from "./records.ts";

/** Goal: what a machine did outlives its connection, within bounds. Method: connect anew, and as many others. */
describe("machines that are remembered", () => {
  it("are the same by whatever connection they come", () => {
    const records = new MachineRecords();
    const record = records.open("key");
    record.standing = distrustedFor(record.standing, "answer");
    record.conduct.faulted(0);
    expect(records.open("other").standing.distrust).toBeUndefined();
    expect(records.open("key").standing.distrust?.why).toBe("answer");
    expect(records.open("key").conduct.figures.faultsAtMs).toHaveLength(1);
  });

  it("are so many at most, and the one that was away longest is forgotten", () => {
    const records = new MachineRecords();
    for (const key of ["first", "second"]) records.open(key).conduct.faulted(0);
    for (let n = 0; n < RECORDS_MAX - 2; n++) records.open(`key${n}`);
    records.open("first");
    records.open("one more");
    expect(records.open("first").conduct.figures.faultsAtMs).toHaveLength(1);
    expect(records.open("second").conduct.figures.faultsAtMs).toHaveLength(0);
  });
});
