import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import type { Disk } from "./disk-sync.ts";
import { GROUP_CALLS_MAX, GroupCommit } from "./group-commit.ts";

function setUp(disk?: Disk) {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE words (word TEXT UNIQUE)");
  const ran: string[] = [];
  const exec = database.exec.bind(database);
  database.exec = (sql: string) => {
    ran.push(sql);
    exec(sql);
  };
  const insert = database.prepare("INSERT INTO words VALUES (?)");
  const left: string[] = [];
  const ended: boolean[] = [];
  const marked: number[] = [];
  const group = new GroupCommit(database, {
    disk,
    ...(disk && {
      mark: {
        count: () => {
          const written = words().length;
          return () => void marked.push(written);
        },
      },
    }),
    written: () => {
      for (const word of left) insert.run(word);
    },
    ended: (isCommitted) => {
      left.length = 0;
      ended.push(isCommitted);
    },
  });
  const words = () =>
    database
      .prepare("SELECT word FROM words ORDER BY rowid")
      .all()
      .map(({ word }) => word);
  return {
    database,
    group,
    ran,
    words,
    insert,
    left,
    ended,
    marked,
    add: (word: string) => group.run(() => () => insert.run(word).changes),
  };
}

const refusing = (): never => {
  throw new RangeError("own");
};

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

  /** Goal: one call fails alone. Method: work that refuses before it writes, and work whose own answer fails later; the others share a commit. */
  it("goes on without the one that refuses", async () => {
    const { group, add, words, ran } = setUp();
    const calls = [add("a"), group.run(refusing), add("b"), group.run(() => () => Promise.reject(new Error("later")))];
    const settled = await Promise.allSettled(calls);
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected"]);
    expect(words()).toEqual(["a", "b"]);
    expect(ran).toEqual(["BEGIN IMMEDIATE", "COMMIT"]);
    await expect(group.run(refusing)).rejects.toThrow(RangeError);
  });

  /** Goal: where a write fails, nothing of its call stays, and every other call is done as if it had been alone. Method: a duplicate behind a row of its own, between two others; what each did beside the database. */
  it("tries each alone where one cannot be written", async () => {
    const { group, words, insert, ended } = setUp();
    const beside = new Set<string>();
    const addAll = (...all: string[]) =>
      group.run(
        () => () => {
          beside.add(all.join());
          for (const word of all) insert.run(word);
          return all.length;
        },
        () => beside.delete(all.join()),
      );
    const calls = await Promise.allSettled([addAll("a"), addAll("x", "a"), addAll("b", "c")]);
    expect(calls.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(words()).toEqual(["a", "b", "c"]);
    expect(beside).toEqual(new Set(["a", "b,c"]));
    expect(ended).toEqual([false, true, false, true]);
    expect(group.isRefused).toBe(false);
  });

  /** Goal: what all calls leave to be written for them together is in the same transaction. Method: such a last write, and one that fails: what was left is gone with the group, whose calls are tried again. */
  it("writes what is left for all of them last", async () => {
    const { group, add, words, left } = setUp();
    left.push("z");
    await Promise.all([add("a"), add("b")]);
    expect(words()).toEqual(["a", "b", "z"]);
    left.push("z");
    const calls = await Promise.allSettled([add("c"), group.run(refusing)]);
    expect(calls.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(words()).toEqual(["a", "b", "z", "c"]);
  });

  /** Goal: a storage that takes nothing is asked once for all calls, and known for it until it takes something. Method: SQLite's own word for a full disk; then room. */
  it("asks a full disk once", async () => {
    const { database, add, ran, group, words } = setUp();
    database.exec("PRAGMA max_page_count = 2");
    const long = "x".repeat(20_000);
    ran.length = 0;
    const calls = await Promise.allSettled([add("a"), add(long), add("b")]);
    expect(calls.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(ran.filter((sql) => sql === "BEGIN IMMEDIATE")).toHaveLength(1);
    expect(group.isRefused).toBe(true);
    database.exec("PRAGMA max_page_count = 1000");
    await add(long);
    expect(group.isRefused).toBe(false);
    expect(words()).toEqual([long]);
  });

  /** Goal: the same where the disk refuses the commit itself. Method: SQLite's word for a full disk at `COMMIT`, which leaves the transaction open. */
  it("asks a disk once that refuses the commit", async () => {
    const { database, add, ran, words } = setUp();
    const exec = database.exec;
    database.exec = (sql: string) => {
      if (sql !== "COMMIT") return exec(sql);
      throw Object.assign(new Error("full"), { errcode: 13 });
    };
    const calls = await Promise.allSettled([add("a"), add("b")]);
    expect(calls.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect([words(), ran]).toEqual([[], ["BEGIN IMMEDIATE", "ROLLBACK"]]);
  });

  /** Goal: a statement that ends the whole transaction ends it for all, and the next group works. Method: such a statement while a call looks, and while one writes, among others. */
  it.each<[when: string, act: (gone: () => never) => () => () => unknown]>([
    ["looks", (gone) => () => gone()],
    ["writes", (gone) => () => () => gone()],
  ])("is refused whole where the transaction is gone while one %s", async (_, act) => {
    const { database, group, add, words } = setUp();
    const gone = (): never => {
      database.exec("ROLLBACK");
      throw new Error("the disk");
    };
    const settled = await Promise.allSettled([add("a"), group.run(act(gone)), add("b")]);
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

  /** Goal: a database that was closed is an error for each caller and nothing else. Method: close it under two calls, with and without a disk that is waited for. */
  it.each([undefined, { failure: undefined, synced: async () => {} }])(
    "is refused where the database is closed",
    async (disk) => {
      const { database, group, add } = setUp(disk);
      const calls = Promise.allSettled([add("a"), add("b")]);
      database.close();
      expect(() => group.flush()).not.toThrow();
      expect((await calls).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    },
  );

  /** Goal: nothing is written that cannot be synced now. Method: a disk that does not answer, by its own word; then it does. */
  it("begins nothing while the disk does not answer", async () => {
    const failure = Object.assign(new Error("slow"), { code: "ETIMEDOUT" });
    const disk: { failure: Error | undefined; synced: () => Promise<void> } = { failure, synced: async () => {} };
    const { add, words } = setUp(disk);
    await expect(add("early")).rejects.toThrow();
    disk.failure = undefined;
    const call = add("a");
    disk.failure = failure;
    await expect(call).rejects.toThrow();
    expect(words()).toEqual([]);
    disk.failure = undefined;
    await add("b");
    expect(words()).toEqual(["b"]);
  });

  /** Goal: who waits for a sync is told of its failure, whatever was closed meanwhile. Method: close the database under it, then fail it. */
  it("is refused where its sync fails after the database was closed", async () => {
    const sync = Promise.withResolvers<void>();
    const { database, group, add } = setUp({ failure: undefined, synced: () => sync.promise });
    const call = add("a");
    group.flush();
    database.close();
    sync.reject(new Error("the disk"));
    await expect(call).rejects.toThrow("the disk");
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

/** A disk that syncs when it is told to. */
class SlowDisk implements Disk {
  failure: Error | undefined;
  readonly #waiting: PromiseWithResolvers<void>[] = [];

  synced(): Promise<void> {
    const waits = Promise.withResolvers<void>();
    this.#waiting.push(waits);
    return waits.promise;
  }

  sync(): void {
    this.#waiting.shift()?.resolve();
  }

  fail(failure: Error): void {
    this.failure = failure;
    for (const { reject } of this.#waiting.splice(0)) reject(failure);
  }
}

describe("a group whose disk is waited for off the loop", () => {
  /** Goal: nobody is told before the disk has it, and nobody else waits for that. Method: a disk that syncs on demand; a second group meanwhile; what is told and marked after each sync. */
  it("is told once it is on the disk, in order, while others commit", async () => {
    const disk = new SlowDisk();
    const { group, add, words, marked, database } = setUp(disk);
    const told: string[] = [];
    const first = add("a").then(() => told.push("a"));
    group.flush();
    const second = add("b").then(() => told.push("b"));
    group.flush();
    await new Promise(setImmediate);
    expect([words(), told, marked]).toEqual([["a", "b"], [], []]);
    disk.sync();
    await first;
    expect([told, marked]).toEqual([["a"], [1]]);
    disk.sync();
    await second;
    expect([told, marked]).toEqual([
      ["a", "b"],
      [1, 2],
    ]);
    expect(database.prepare("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
  });

  /** Goal: who comes during a sync shares the next one. Method: two calls of different turns while one runs; when they are in the database, and in how many transactions; then one more once all is synced. */
  it("gathers the next group while one is synced", async () => {
    const disk = new SlowDisk();
    const { add, words, ran } = setUp(disk);
    const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
    const first = add("a");
    await turn();
    const others = [add("b")];
    await turn();
    others.push(add("c"));
    await turn();
    expect(words()).toEqual(["a"]);
    disk.sync();
    await first;
    await turn();
    expect(words()).toEqual(["a", "b", "c"]);
    expect(ran.filter((sql) => sql === "COMMIT")).toHaveLength(2);
    disk.sync();
    await Promise.all(others);
    const last = add("d");
    await turn();
    disk.sync();
    expect(await last).toBe(1);
  });

  /** Goal: its own commits sync nothing, all others of the connection do. Method: what SQLite says inside a group, and after groups that went well and badly. */
  it("leaves the connection as it was", async () => {
    const disk = new SlowDisk();
    const { group, database, add } = setUp(disk);
    const level = () => database.prepare("PRAGMA synchronous").get()?.["synchronous"];
    const inside = group.run(() => () => level());
    group.flush();
    disk.sync();
    expect([await inside, level()]).toEqual([1, 2]);
    const calls = Promise.allSettled([add("a"), add("a")]);
    group.flush();
    expect(level()).toBe(2);
    disk.sync();
    expect((await calls).map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  });

  /** Goal: after a failed sync nobody is told that anything was written, and nothing more is. Method: fail it under two groups; what is done beside the database stays, as the rows do; the next call is refused before it runs. */
  it("writes nothing more once the disk has failed", async () => {
    const disk = new SlowDisk();
    const { group, add, words, marked } = setUp(disk);
    let undone = 0;
    const calls: Promise<unknown>[] = [
      group.run(
        () => () => {},
        () => undone++,
      ),
    ];
    group.flush();
    calls.push(add("b"));
    group.flush();
    disk.fail(Object.assign(new Error("the disk"), { code: "EIO" }));
    const failure = { failure: { code: "storage_unavailable", fault: "io_error" } };
    for (const call of calls)
      await expect(call).rejects.toMatchObject({ failure: { ...failure.failure, mayStand: true } });
    const later = add("c").catch((error: unknown) => error);
    expect(await later).toMatchObject(failure);
    expect(await later).not.toMatchObject({ failure: { mayStand: true } });
    expect([words(), marked, undone, group.isRefused]).toEqual([["b"], [], 0, true]);
  });

  /** Goal: nor does anybody else write, and all know it before they try. Method: fail one group's sync; a statement outside of groups by the same connection, and another group over it that has tried nothing yet. */
  it("lets nobody else write once the disk has failed", async () => {
    const disk = new SlowDisk();
    const { group, add, database, insert } = setUp(disk);
    const other = new GroupCommit(database, { disk });
    const call = add("a");
    group.flush();
    disk.fail(Object.assign(new Error("the disk"), { code: "ESTALE", syscall: "fdatasync" }));
    await expect(call).rejects.toMatchObject({ failure: { code: "storage_unavailable", fault: "io_error" } });
    expect(() => insert.run("b")).toThrow("readonly");
    expect(other.isRefused).toBe(true);
  });

  /** Goal: a disk that does not answer is told to those who come, who do not wait for it; those before wait, and it goes on once it answers. Method: say so while a sync runs and one call waits behind it; more calls than a group; then end the sync. */
  it("takes no more calls while the disk does not answer", async () => {
    const disk = new SlowDisk();
    const { group, add, words } = setUp(disk);
    const first = add("a");
    group.flush();
    const waiting = add("b");
    disk.failure = Object.assign(new Error("slow"), { code: "ETIMEDOUT", syscall: "fdatasync" });
    const refused = await Promise.allSettled(Array.from({ length: GROUP_CALLS_MAX + 1 }, (_, n) => add(`${n}`)));
    expect(refused.every(({ status }) => status === "rejected")).toBe(true);
    expect([words(), group.isRefused]).toEqual([["a"], true]);
    disk.failure = undefined;
    disk.sync();
    await first;
    await new Promise(setImmediate);
    disk.sync();
    expect([await waiting, words(), group.isRefused]).toEqual([1, ["a", "b"], false]);
  });
});
