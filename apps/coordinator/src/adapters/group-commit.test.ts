import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { GROUP_CALLS_MAX, GroupCommit } from "./group-commit.ts";

function setUp() {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE words (word TEXT UNIQUE)");
  const ran: string[] = [];
  const exec = database.exec.bind(database);
  database.exec = (sql: string) => {
    ran.push(sql);
    exec(sql);
  };
  const group = new GroupCommit(database);
  const insert = database.prepare("INSERT INTO words VALUES (?)");
  const words = () =>
    database
      .prepare("SELECT word FROM words ORDER BY rowid")
      .all()
      .map(({ word }) => word);
  return { database, group, ran, words, add: (word: string) => group.run(() => insert.run(word).changes) };
}

describe("a group of calls", () => {
  /** Goal: an end without calls costs the disk nothing. Method: flush twice; look at what SQLite was told. */
  it("is no transaction where nobody waits", async () => {
    const { group, ran, add } = setUp();
    group.flush();
    expect(ran).toEqual([]);
    const call = add("a");
    group.flush();
    const told = [...ran];
    group.flush();
    await new Promise(setImmediate);
    expect(ran).toEqual(told);
    expect(await call).toBe(1);
  });

  /** Goal: one call fails alone. Method: a duplicate between two others, and work that throws an error of its own. */
  it("goes on without the one that fails", async () => {
    const { group, add, words } = setUp();
    const calls = [add("a"), add("a"), add("b"), group.run(() => Promise.reject(new Error("later")))];
    const own = group.run(() => {
      throw new RangeError("own");
    });
    await expect(own).rejects.toThrow(RangeError);
    const settled = await Promise.allSettled(calls);
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected"]);
    expect(words()).toEqual(["a", "b"]);
  });

  /** Goal: a statement that ends the whole transaction ends it for all, and the next group works. Method: such a statement among others. */
  it("is refused whole where the transaction is gone", async () => {
    const { database, group, add, words } = setUp();
    const calls = [
      add("a"),
      group.run(() => {
        database.exec("ROLLBACK");
        throw new Error("the disk");
      }),
      add("b"),
    ];
    const settled = await Promise.allSettled(calls);
    expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(words()).toEqual([]);
    expect(await add("c")).toBe(1);
  });

  /** Goal: a failed commit leaves nothing open. Method: one that fails while the transaction is open; the next one commits. */
  it("is undone where its commit fails", async () => {
    const { database, add, words } = setUp();
    const exec = database.exec;
    database.exec = (sql: string) => {
      if (sql === "COMMIT") throw new Error("the disk");
      exec(sql);
    };
    await expect(add("a")).rejects.toThrow("the disk");
    expect(database.isTransaction).toBe(false);
    database.exec = exec;
    await add("b");
    expect(words()).toEqual(["b"]);
  });

  /** Goal: a database that was closed is an error for each caller and nothing else. Method: close it under two calls. */
  it("is refused where the database is closed", async () => {
    const { database, group, add } = setUp();
    const calls = Promise.allSettled([add("a"), add("b")]);
    database.close();
    expect(() => group.flush()).not.toThrow();
    expect((await calls).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });

  /** Goal: the queue is bounded. Method: one call below the bound waits for the end of the turn; the next one takes all along. */
  it("is committed at once when it is full", () => {
    const { add, words } = setUp();
    for (let n = 1; n < GROUP_CALLS_MAX; n++) void add(`${n}`);
    expect(words()).toEqual([]);
    void add("last");
    expect(words()).toHaveLength(GROUP_CALLS_MAX);
    void add("next");
    expect(words()).toHaveLength(GROUP_CALLS_MAX);
  });
});
